/** From plain to TLS under an open transport, on both sides: what goes out plain, what does not, and what is left. */
import { once } from "node:events"
import { connect as connectTls, createServer, type TLSSocket } from "node:tls"
import type { Socket } from "node:net"
import { describe, expect, test } from "vitest"
import { connect as connectLibrary, type Protocol, type Transport } from "../../client/index.ts"
import type { RawClient } from "../support/client.ts"
import { listenPeer, Recorder, visit } from "../support/peers.ts"
import { setup } from "../support/setup.ts"
import { listenTls, serverTls, trusting } from "../support/tls.ts"

const harness = setup()

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly extra: Record<string, unknown>
}

const toLocalhost = { tls: trusting, serverHostname: "localhost" }

/** A plain connection of the daemon, and its other end. */
async function plain(options: { flowControl?: boolean } = {}): Promise<[RawClient, number, Socket]> {
  const { connect } = await harness.startDaemon()
  const client = await connect(options)
  const peer = await listenPeer(harness)
  const { transport } = await client.request<Opened>("loop/createConnection", { host: peer.host, port: peer.port })
  return [client, transport, await peer.accepted()]
}

/** Waits for exactly this plain text, and leaves what follows to others. */
async function expectPlain(socket: Socket, text: string): Promise<void> {
  let seen = ""
  while (seen.length < text.length) {
    const chunk = socket.read(Math.min(socket.readableLength, text.length - seen.length) || undefined) as Buffer | null
    if (chunk === null) await once(socket, "readable")
    else seen += chunk.toString("latin1")
  }
  socket.removeAllListeners("readable")
  expect(seen).toBe(text)
}

/** The server's side of a handshake on a plain socket. */
async function secureRemote(socket: Socket): Promise<TLSSocket> {
  const server = createServer({ ...serverTls, allowHalfOpen: true })
  const session = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve))
  server.on("tlsClientError", () => {})
  server.emit("connection", socket)
  return (await session).on("error", () => {})
}

for (const flowControl of [false, true]) {
  describe(`a plain connection becomes TLS (flow control: ${flowControl})`, () => {
    test("as a client: before it plain, behind it encrypted, nothing lost, the same id", async () => {
      const [client, transport, socket] = await plain({ flowControl })
      const big = Buffer.alloc(200_000, "b")
      client.notify("transport/write", { transport, data: Buffer.from("STARTTLS\n") })
      const answer = client.request<Opened>("loop/startTls", { transport, ...toLocalhost })
      client.notify("transport/write", { transport, data: Buffer.from("secret ") })
      client.notify("transport/write", { transport, data: big })
      await expectPlain(socket, "STARTTLS\n")
      const session = await secureRemote(socket)
      const recorder = new Recorder(session as Socket)
      await recorder.until(7 + big.length)
      expect(recorder.data.subarray(0, 7).toString()).toBe("secret ")
      expect(await answer).toMatchObject({
        transport,
        kind: "tls",
        extra: { peername: {}, cipher: {}, peercert: { version: 3 } },
      })
      session.write("welcome")
      await client.until(() => client.count(transport) === 7)
      expect(await client.request("transport/getExtraInfo", { transport, name: "compression", default: 1 })).toBeNull()
      expect(await client.request("transport/getWriteBufferLimits", { transport })).toMatchObject({
        highBytes: 524_288,
      })
      expect(await client.request("transport/canWriteEof", { transport })).toBe(false)
      client.notify("transport/close", { transport })
      session.end()
      expect((await client.lost(transport)).params.error).toBeNull()
    })

    test("as a server", async () => {
      const { connect } = await harness.startDaemon()
      const client = await connect({ flowControl })
      const { sockets } = await client.request<{ sockets: Array<{ port: number }> }>("loop/createServer", {
        host: "127.0.0.1",
        port: 0,
      })
      const socket = await visit(harness, sockets[0]!.port)
      const made = await client.until(() =>
        client.notifications.find(({ method }) => method === "protocol/connectionMade"),
      )
      const transport = made.params.transport as number
      client.notify("transport/pauseReading", { transport })
      client.notify("transport/write", { transport, data: Buffer.from("go\n") })
      await expectPlain(socket, "go\n")
      // The remote speaks first: its half of the handshake waits in the daemon when the request comes.
      const session = connectTls({ socket, ...trusting, servername: "localhost" })
      await client.barrier()
      const answer = client.request<Opened>("loop/startTls", { transport, tls: serverTls, serverSide: true })
      client.notify("transport/resumeReading", { transport })
      client.notify("transport/write", { transport, data: Buffer.from("welcome") })
      const [chunk] = (await once(session, "data")) as [Buffer]
      expect(chunk.toString()).toBe("welcome")
      expect(await answer).toMatchObject({ kind: "tls", extra: { ssl_object: { serverSide: true } } })
      session.write("hello")
      await client.until(() => client.count(transport) === 5)
      session.destroy()
      await client.lost(transport)
    })
  })
}

describe("a failure leaves the transport lost for the same reason, and nothing behind it goes out", () => {
  test("of the handshake", async () => {
    const [client, transport, socket] = await plain()
    const recorder = new Recorder(socket)
    const failure = client.failure("loop/startTls", { transport, ...toLocalhost })
    client.notify("transport/write", { transport, data: Buffer.from("secret") })
    await recorder.until(1)
    socket.write("500 no\r\n")
    expect(await failure).toMatchObject({ code: 1401 })
    expect((await client.lost(transport)).params.error).toMatchObject({ code: 1401 })
    await recorder.over
    expect(recorder.data.includes("secret")).toBe(false)
  })

  test("of the certificate", async () => {
    const [client, transport, socket] = await plain()
    const failure = client.failure("loop/startTls", { transport, tls: true, serverHostname: "localhost" })
    void secureRemote(socket)
    expect(await failure).toMatchObject({ code: 1402 })
    expect((await client.lost(transport)).params.error).toMatchObject({ code: 1402 })
  })

  test("of the options", async () => {
    const [client, transport, socket] = await plain()
    const recorder = new Recorder(socket)
    const failure = client.failure("loop/startTls", { transport, tls: { caFile: "/none.pem" }, serverHostname: "x" })
    client.notify("transport/write", { transport, data: Buffer.from("secret") })
    expect(await failure).toMatchObject({ code: 1201, data: { errno: "ENOENT", path: "/none.pem" } })
    await client.lost(transport)
    await recorder.over
    expect(recorder.bytes).toBe(0)
  })

  test("by a remote that leaves in between", async () => {
    const [client, transport, socket] = await plain()
    const failure = client.failure("loop/startTls", { transport, ...toLocalhost })
    await new Recorder(socket).until(1)
    socket.destroy()
    expect(await failure).toMatchObject({ code: 1401 })
    await client.lost(transport)
  })

  test("by an abort in between is one in peace", async () => {
    const [client, transport, socket] = await plain()
    const failure = client.failure("loop/startTls", { transport, ...toLocalhost })
    const recorder = new Recorder(socket)
    await recorder.until(1)
    client.notify("transport/abort", { transport })
    expect(await failure).toMatchObject({ code: -32800 })
    expect((await client.lost(transport)).params.error).toBeNull()
    await recorder.over
  })
})

test("plain text that was smuggled in before the handshake is never delivered as if it were secure", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  client.consumes = false
  const peer = await listenPeer(harness)
  const params = { host: peer.host, port: peer.port, options: { readWindowBytes: 3 } }
  const { transport } = await client.request<Opened>("loop/createConnection", params)
  const socket = await peer.accepted()
  socket.write("OK\nRCPT TO: mallory\n")
  await client.until(() => client.count(transport) === 3)
  expect(await client.failure("loop/startTls", { transport, ...toLocalhost })).toMatchObject({ code: 1401 })
  await client.lost(transport)
  expect(client.data(transport).toString()).toBe("OK\n")
})

test("what is no plain connection, or is changing already, is refused and unharmed", async () => {
  const [client, transport, socket] = await plain()
  const first = client.request("loop/startTls", { transport, ...toLocalhost })
  expect(await client.failure("loop/startTls", { transport, ...toLocalhost })).toMatchObject({ code: 1104 })
  const session = await secureRemote(socket)
  await first
  expect(await client.failure("loop/startTls", { transport, ...toLocalhost })).toMatchObject({ code: 1105 })
  session.write("still here")
  await client.until(() => client.count(transport) === 10)
})

describe("the library", () => {
  test("changes both ends of one connection, and sends nothing plain behind the change", async () => {
    const { daemon } = await harness.startDaemon({ socket: true })
    const client = await connectLibrary({ socket: daemon.socketPath as string })
    const big = Buffer.alloc(3_000_000, "x")
    const trace: string[] = []
    let received = 0
    const acceptor: Protocol & { transport?: Transport } = {
      connectionMade: (transport) => (acceptor.transport = transport),
      dataReceived(data) {
        trace.push(data.toString())
        const transport = acceptor.transport as Transport
        transport.pauseReading()
        transport.write(Buffer.from("go"))
        const behind: Protocol = {
          dataReceived(chunk) {
            received += chunk.length
            if (received === big.length) transport.write(Buffer.from("done"))
          },
        }
        void client.loop.startTls(transport, behind, { tls: serverTls, serverSide: true })
      },
    }
    const server = await client.loop.createServer(() => acceptor, { host: "127.0.0.1", port: 0 })
    const { port } = server.sockets[0] as { port: number }
    const lost = withResolvers()
    const [transport] = await client.loop.createConnection(
      () => ({
        dataReceived(data) {
          trace.push(data.toString())
          const secure: Protocol = {
            dataReceived(chunk) {
              trace.push(chunk.toString())
              transport.close()
            },
            connectionLost: () => lost.resolve(),
          }
          void client.loop.startTls(transport, secure, toLocalhost)
          transport.write(big)
        },
      }),
      { host: "127.0.0.1", port },
    )
    transport.write(Buffer.from("upgrade"))
    await lost.promise
    expect(trace).toEqual(["upgrade", "go", "done"])
    expect(transport.canWriteEof()).toBe(false)
    expect(() => transport.writeEof()).toThrow(expect.objectContaining({ name: "NotSupported" }))
    expect(transport.getExtraInfo("cipher")).toEqual(["TLS_AES_256_GCM_SHA384", "TLSv1.3", 256])
    await client.close()
  })

  test("connects with TLS, closes after the end of the remote whatever the protocol answers", async () => {
    const peer = await listenTls(harness)
    const { daemon } = await harness.startDaemon({ socket: true })
    const client = await connectLibrary({ socket: daemon.socketPath as string })
    const lost = withResolvers()
    const [transport] = await client.loop.createConnection(
      () => ({ eofReceived: () => true, connectionLost: (error) => lost.resolve(error as never) }),
      { host: "127.0.0.1", port: peer.port, ...toLocalhost },
    )
    expect(transport.getWriteBufferLimits()).toEqual({ highBytes: 524_288, lowBytes: 131_072 })
    ;(await peer.accepted()).end()
    expect(await lost.promise).toBeNull()
    await client.close()
  })
})

function withResolvers(): { promise: Promise<void>; resolve: (value?: never) => void } {
  let resolve: (value?: never) => void = () => {}
  const promise = new Promise<void>((done) => (resolve = done as typeof resolve))
  return { promise, resolve }
}

test("a request that does not fit loses the transport: nothing written behind it goes out in plain text", async () => {
  for (const wrong of [{ tls: { verfy: false } }, { tls: "yes" }, {}, { tls: true, serverHostname: 7 }]) {
    const [client, transport, socket] = await plain()
    const remote = new Recorder(socket)
    client.notify("transport/write", { transport, data: Buffer.from("plain ") })
    await client.barrier()
    const answer = client.failure("loop/startTls", { transport, ...wrong })
    client.notify("transport/write", { transport, data: Buffer.from("secret") })
    expect((await answer).code).toBe(-32602)
    expect((await client.lost(transport)).params.error).toMatchObject({ code: -32602 })
    await remote.over
    expect(remote.data.toString()).not.toContain("secret")
  }
})
