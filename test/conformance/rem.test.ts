/** What being remote adds: order, crossings, credit, the ends of clients. Mostly what the wire owes, to a raw client. */
import { expect } from "vitest"
import { barrier, Recorder } from "../client/library.ts"
import type { RawClient } from "../support/client.ts"
import { untilNoProcess } from "../support/leaks.ts"
import { listenPeer, Recorder as RemoteRecorder, Spewer } from "../support/peers.ts"
import { shell, stubborn } from "../support/programs.ts"
import { setupKinds } from "./kinds.ts"
import { proves } from "./rows.ts"

const harness = setupKinds()
const { connected, startDaemon, startLibrary } = harness

interface Opened {
  readonly transport: number
  readonly pipes: Record<string, number>
}

async function open(client: RawClient, peer: { host: string; port: number }, options: object = {}): Promise<number> {
  const { host, port } = peer
  return (await client.request<Opened>("loop/createConnection", { host, port, options })).transport
}

proves(
  "REM-1",
  "messages take effect in the order sent, unanswered; the answer to close comes before its loss",
  async () => {
    const client = await (await startDaemon()).connect()
    const peer = await listenPeer(harness)
    const transport = await open(client, peer)
    const got = new RemoteRecorder(await peer.accepted())
    for (let count = 0; count < 100; count++) client.notify("transport/write", { transport, text: `${count} ` })
    const closing = client.ask("transport/close", { transport })
    client.notify("transport/write", { transport, text: "late" })
    await closing
    await client.lost(transport)
    await got.over
    expect(got.data.toString()).toBe(Array.from({ length: 100 }, (_, count) => `${count} `).join(""))
    const answer = client.received.findIndex((each) => !("method" in each) && each.result === null)
    const lost = client.received.findIndex((each) => "method" in each && each.method === "protocol/connectionLost")
    expect(answer).toBeGreaterThan(-1)
    expect(answer).toBeLessThan(lost)
  },
)

proves(
  "REM-2",
  "what is on its way when the remote resets is no error to anybody, and hits no later transport",
  async () => {
    const { client, transport, protocol, remote, reports } = await connected("tcp", new Recorder())
    remote.resetAndDestroy()
    transport.write(Buffer.alloc(100_000))
    transport.pauseReading()
    transport.resumeReading()
    transport.close()
    transport.abort()
    await protocol.lost()
    const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
    const [later, next] = await client.loop.createConnection(() => new Recorder(), peer)
    transport.write(Buffer.from("x"))
    transport.abort()
    later.write(Buffer.from("alive"))
    await next.received(5)
    expect([protocol.recording.count("lost"), next.data.toString()]).toEqual([1, "alive"])
    expect(reports).toEqual([])
  },
)

proves("REM-3", "a flood that nobody consumes stops at its window, and others go on", async () => {
  const client = await (await startDaemon()).connect({ flowControl: true })
  client.consumes = false
  const peer = await listenPeer(harness)
  const flooded = await open(client, peer, { readWindowBytes: 50_000 })
  const spewer = new Spewer(await peer.accepted())
  await client.until(() => client.count(flooded) === 50_000)
  // Until the system's buffers on the way are full.
  let [before, still] = [-1, 0]
  while (still < 20) {
    await client.barrier()
    still = spewer.takenBytes === before ? still + 1 : 0
    before = spewer.takenBytes
  }
  const echo = await listenPeer(harness, (socket) => socket.pipe(socket))
  const other = await open(client, echo)
  client.notify("transport/write", { transport: other, text: "alive" })
  await client.until(() => client.count(other) === 5)
  expect(client.count(flooded)).toBe(50_000)
  expect(spewer.takenBytes).toBe(before)
  spewer.stop()
})

proves("REM-4", "the size is known at once, and falls as the daemon tells what the system took", async () => {
  const { client, transport, protocol, remote } = await connected("tcp", new Recorder())
  transport.write(Buffer.alloc(500_000))
  expect(transport.getWriteBufferSize()).toBe(500_000)
  expect(protocol.recording.count("pause")).toBe(1)
  const got = new RemoteRecorder(remote)
  await protocol.recording.heard("resume")
  await got.until(500_000)
  while (transport.getWriteBufferSize() > 0) await barrier(client)
})

proves(
  "REM-5",
  "after eofReceived nothing happens until the client has decided, and deciding again is ignored",
  async () => {
    const client = await (await startDaemon()).connect()
    const peer = await listenPeer(harness)
    const transport = await open(client, peer, { onEof: "keep" })
    const remote = await peer.accepted()
    const got = new RemoteRecorder(remote)
    remote.end("all")
    await client.callback(transport, "eofReceived")
    for (let count = 0; count < 20; count++) await client.barrier()
    expect(client.callbacks(transport)).toEqual(["connectionMade", "dataReceived", "eofReceived"])
    client.notify("transport/write", { transport, text: "decided" })
    expect(await client.request("transport/close", { transport })).toBeNull()
    expect(await client.request("transport/close", { transport })).toBeNull()
    expect((await client.lost(transport)).params.error).toBeNull()
    expect(await client.request("transport/close", { transport })).toBeNull()
    await got.over
    expect(got.data.toString()).toBe("decided")
  },
)

proves("REM-6", "all that a client owned ends with it, what it held back too; others are untouched", async () => {
  const { daemon, connect } = await startDaemon()
  const [gone, other] = [await connect(), await connect()]
  const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
  const kept = await open(other, peer)
  const stranger = await gone.failure("transport/write", { transport: kept, text: "x" })
  expect(stranger.code).toBe(1107)

  const mine = await listenPeer(harness)
  await open(gone, mine)
  const got = new RemoteRecorder(await mine.accepted())
  const { sockets } = await gone.request<{ sockets: { port: number }[] }>("loop/createServer", {
    host: "127.0.0.1",
    port: 0,
  })
  await gone.request("loop/subprocessExec", stubborn)
  // A child that has ended, and whose output its client has not wanted yet.
  const { transport, pipes } = await gone.request<Opened>("loop/subprocessExec", shell("read go; echo unread"))
  await gone.request("transport/pauseReading", { transport: pipes[1] })
  gone.notify("transport/write", { transport: pipes[0], text: "go\n" })
  await gone.callback(transport, "processExited")

  gone.destroy()
  await got.over
  await untilNoProcess()
  while (daemon.info().clients > 1) await other.barrier()
  expect([...daemon.table.holdings()].map(({ id }) => id)).toEqual([kept])
  await other.request("loop/createServer", { host: "127.0.0.1", port: sockets[0]?.port })
  other.notify("transport/write", { transport: kept, text: "alive" })
  await other.until(() => other.count(kept) === 5)
})

proves("REM-10", "all 256 values pass in both forms of messages, and names that are no text are refused", async () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 1_024 }, (_, at) => at & 0xff))
  for (const byteMessages of [true, false]) {
    const client = await (await startDaemon()).connect({ byteMessages })
    const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
    const transport = await open(client, peer)
    const data = byteMessages ? bytes : bytes.toString("base64")
    client.notify("transport/write", { transport, data })
    await client.until(() => client.count(transport) === bytes.length)
    expect(client.data(transport).equals(bytes)).toBe(true)
  }
  // Half of a character: asyncio's way to say a byte that is no text. It would become another name on the way.
  const client = await (await startDaemon()).connect()
  for (const [method, params] of [
    ["loop/createUnixServer", { path: "/tmp/\udcff" }],
    ["loop/createUnixConnection", { path: "/tmp/\udcff" }],
    ["loop/connectReadPipe", { path: "/tmp/\udcff" }],
    ["loop/subprocessExec", { program: "echo", args: ["\udcff"] }],
    ["loop/subprocessExec", { program: "env", env: { A: "\udcff" } }],
    ["loop/subprocessShell", { command: "echo \udcff" }],
  ] as const) {
    expect([method, (await client.failure(method, params)).code]).toEqual([method, -32602])
  }
})

proves("REM-12", "errors keep what they are: each of the system's and of TLS has a name to tell it by", async () => {
  const { client } = await startLibrary()
  const { loop } = client
  const none = (): object => expect.unreachable("the factory is not called")
  const peer = await listenPeer(harness, (socket) => socket.end("no TLS\r\n"))
  const deaf = await listenPeer(harness)
  const host = "127.0.0.1"
  const tls = { verify: false }
  for (const [attempt, error] of [
    [() => loop.createConnection(none, { host, port: 1 }), { name: "OsFailure", errno: "ECONNREFUSED" }],
    [() => loop.createUnixConnection(none, { path: "/no/such" }), { name: "OsFailure", errno: "ENOENT" }],
    [() => loop.createServer(none, { host, port: peer.port }), { name: "OsFailure", errno: "EADDRINUSE" }],
    [() => loop.createConnection(none, { host: "host.invalid", port: 1 }), { name: "ResolveFailed" }],
    [() => loop.subprocessExec(none, ["/etc/passwd"]), { name: "SpawnFailed", errno: "EACCES" }],
    [
      () => loop.createConnection(none, { host, port: peer.port, tls, serverHostname: "" }),
      { name: "TlsHandshakeFailed" },
    ],
    [
      () =>
        loop.createConnection(none, {
          host,
          port: deaf.port,
          tls: { ...tls, handshakeTimeoutMs: 20 },
          serverHostname: "",
        }),
      { name: "TimedOut", data: { operation: "handshake" } },
    ],
  ] as const) {
    await expect(attempt()).rejects.toMatchObject(error)
  }
  const { transport, protocol, remote } = await connected("tcp", new Recorder())
  remote.resetAndDestroy()
  expect(await protocol.lost()).toMatchObject({ name: "TransportBroken", errno: "ECONNRESET" })
  expect(transport.isClosing()).toBe(true)
})
