/**
 * Sockets that the caller has opened: the daemon is another process, so they are inherited or handed over. What Node
 * can send of them is tested here; every other kind, from Python, in `test/e2e/descriptors.test.ts`.
 */
import { spawn } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { expect } from "vitest"
import { connect, type Client, type Protocol, type Transport } from "transportd/client"
import { barrier, Recorder, setupLibrary } from "../client/library.ts"
import { ROOT } from "../house/sources.ts"
import { DatagramRecorder } from "./datagrams.ts"
import { udpPeer } from "../support/datagrams.ts"
import { listenPeer, Recorder as RemoteRecorder, visit } from "../support/peers.ts"
import { folder } from "../support/pipes.ts"
import { serverTls, visitTls } from "../support/tls.ts"
import { proves } from "./rows.ts"

const harness = setupLibrary()

const DAEMON = [process.execPath, join(ROOT, "dist/cli/main.js"), "stdio", "--framing=header"] as const

/** A client of a daemon of its own, with a channel to it. */
async function launch(): Promise<Client> {
  const client = await connect({ launch: { command: [...DAEMON], channel: true } })
  harness.cleanup(() => client.close())
  return client
}

/** The same, where the daemon inherits `socket` as its descriptor 3. */
async function launchWith(socket: Socket): Promise<Client> {
  const [program, ...args] = DAEMON
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit", socket] })
  socket.destroy()
  const client = await connect({ streams: { input: child.stdout as Socket, output: child.stdin as Socket } })
  harness.cleanup(async () => {
    await client.close()
    if (child.exitCode === null) await once(child, "exit")
  })
  return client
}

/** `socket.socketpair()`, which Node does not have. Neither end is read until somebody asks. */
async function socketpair(): Promise<[Socket, Socket]> {
  const path = join(await folder(harness), "socket")
  const server = createServer({ pauseOnConnect: true }).listen(path)
  const accepted = once(server, "connection")
  const wsock = connectSocket({ path, allowHalfOpen: true })
  const [rsock] = (await accepted) as [Socket]
  server.close()
  harness.cleanup(() => wsock.destroy())
  return [rsock, wsock]
}

proves("EX-5", "an open socket is registered, whether it is inherited or handed over at run time", async () => {
  for (const way of ["inherited", "handed over"]) {
    const [rsock, wsock] = await socketpair()
    const client = way === "inherited" ? await launchWith(rsock) : await launch()
    const fd = way === "inherited" ? 3 : await client.loop.handOver(rsock)
    const events: string[] = []
    let onConLost = (): void => {}
    const lost = new Promise<void>((resolve) => (onConLost = resolve))
    class MyProtocol implements Protocol {
      #transport: Transport | undefined
      connectionMade(transport: Transport): void {
        this.#transport = transport
      }
      dataReceived(data: Buffer): void {
        events.push(`Received: ${data.toString()}`)
        this.#transport?.close()
      }
      connectionLost(error: Error | null): void {
        events.push(`lost: ${error}`)
        onConLost()
      }
    }
    const [transport, protocol] = await client.loop.createConnection(() => new MyProtocol(), { fd })
    expect(protocol).toBeInstanceOf(MyProtocol)
    expect(transport.getExtraInfo("peername")).toEqual({ path: "" })
    const end = new RemoteRecorder(wsock)
    wsock.write("abc")
    await lost
    transport.close()
    await end.over
    wsock.destroy()
    await barrier(client)
    expect(events).toEqual(["Received: abc", "lost: null"])
  }
})

proves(
  "LOOP-connect_accepted_socket",
  "a connection that was accepted elsewhere is served, plain or as the server of a session; what came before arrives",
  async () => {
    const { loop } = await launch()
    const peer = await listenPeer(harness)
    const visitor = await visit(harness, peer.port)
    visitor.write("before ")
    const accepted = await peer.accepted()
    const protocol = new Recorder()
    const [transport] = await loop.connectAcceptedSocket(() => protocol, { fd: await loop.handOver(accepted) })
    visitor.write("after")
    await protocol.received(12)
    expect(protocol.data.toString()).toBe("before after")
    expect(transport.getExtraInfo("peername")).toMatchObject({ port: visitor.localPort })
    expect(transport.getExtraInfo("sockname")).toMatchObject({ port: peer.port })
    const answer = new RemoteRecorder(visitor)
    transport.write(Buffer.from("served"))
    transport.close()
    await answer.over
    expect(answer.data.toString()).toBe("served")

    const session = visitTls(harness, { port: peer.port, host: "127.0.0.1" })
    const under = await peer.accepted()
    const secret = new Recorder()
    const [secure] = await loop.connectAcceptedSocket(() => secret, { fd: await loop.handOver(under), tls: serverTls })
    expect(secure.getExtraInfo("ssl_object")).toMatchObject({ serverSide: true })
    const remote = await session
    remote.write("a secret")
    await secret.received(8)
    expect(secret.data.toString()).toBe("a secret")

    const udp = createSocket("udp4")
    await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve))
    const fd = await loop.handOver(udp)
    await expect(loop.connectAcceptedSocket(() => expect.unreachable(), { fd })).rejects.toMatchObject({
      name: "InvalidParams",
    })
  },
)

proves(
  "REM-7",
  "sockets of the caller become connections, servers and endpoints; a name is the client's that gave it",
  async () => {
    const { loop } = await launch()
    const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
    const protocol = new Recorder()
    const socket = connectSocket({ port: peer.port, host: peer.host })
    await expect(loop.handOver(socket)).rejects.toMatchObject({ name: "InvalidParams" })
    await once(socket, "connect")
    const [transport] = await loop.createConnection(() => protocol, { fd: await loop.handOver(socket) })
    expect(socket.destroyed).toBe(true)
    transport.write(Buffer.from("echo"))
    await protocol.received(4)
    expect(transport.getExtraInfo("peername")).toMatchObject({ port: peer.port })

    const listening = createServer().listen(0, "127.0.0.1")
    await once(listening, "listening")
    const { port } = listening.address() as AddressInfo
    const accepted = new Recorder()
    const server = await loop.createServer(() => accepted, { fd: await loop.handOver(listening) })
    expect(server.sockets).toEqual([{ host: "127.0.0.1", port, family: "IPv4" }])
    const visitor = await visit(harness, port)
    visitor.write("hello")
    await accepted.received(5)
    server.close()

    const far = await udpPeer(harness)
    for (const connected of [false, true]) {
      const udp = createSocket("udp4")
      await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve))
      if (connected) await new Promise<void>((resolve) => udp.connect(far.port, "127.0.0.1", resolve))
      const { port: own } = udp.address()
      const heard = new DatagramRecorder()
      const fd = await loop.handOver(udp)
      const [endpoint] = await loop.createDatagramEndpoint(() => heard, { fd })
      expect(endpoint.getExtraInfo("sockname")).toMatchObject({ port: own })
      endpoint.sendto(Buffer.from("ping"), connected ? null : { host: "127.0.0.1", port: far.port })
      expect((await far.next()).data.toString()).toBe("ping")
      endpoint.close()
    }

    const other = await launch()
    const [rsock] = await socketpair()
    const fd = await loop.handOver(rsock)
    const controller = new AbortController()
    const stolen = other.loop.createConnection(() => expect.unreachable(), { fd, signal: controller.signal })
    await barrier(other)
    controller.abort()
    await expect(stolen).rejects.toMatchObject({ name: "RequestCancelled" })
    const mine = new Recorder()
    await loop.createConnection(() => mine, { fd })
    await expect(loop.createConnection(() => expect.unreachable(), { fd: 0 })).rejects.toMatchObject({
      name: "InvalidParams",
    })
  },
)
