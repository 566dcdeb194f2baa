/** The loop's methods for connections, servers and endpoints, as far as the document names them. */
import { once } from "node:events"
import { renameSync, statSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { join, relative } from "node:path"
import { createServer } from "node:net"
import { expect, test } from "vitest"
import { barrier, Recorder } from "../client/library.ts"
import { udpPeer } from "../support/datagrams.ts"
import { closedPort, listenPeer, Recorder as RemoteRecorder, visit } from "../support/peers.ts"
import { folder } from "../support/pipes.ts"
import { pattern } from "../support/random.ts"
import { endpoint, LOCAL } from "./datagrams.ts"
import { setupKinds, STREAMS, WRITABLE } from "./kinds.ts"
import { proves, provesFor, skipped } from "./rows.ts"

const harness = setupKinds()
const { startLibrary } = harness

function unwanted(): Recorder {
  return expect.unreachable("the factory is not called")
}

proves(
  "LOOP-create_connection",
  "connects by address and name, from a local address; a failure calls nobody",
  async () => {
    const { client } = await startLibrary()
    const { loop } = client
    const peer = await listenPeer(harness)
    for (const host of ["127.0.0.1", "localhost"]) {
      const [transport] = await loop.createConnection(() => new Recorder(), { host, port: peer.port })
      expect(transport.getExtraInfo("peername")).toMatchObject({ host: "127.0.0.1", port: peer.port })
      expect(transport.getExtraInfo("socket")).toMatchObject({ noDelay: true })
    }
    const from = { host: "127.0.0.1", port: await closedPort() }
    const [bound] = await loop.createConnection(() => new Recorder(), { ...peer, localAddr: from })
    expect(bound.getExtraInfo("sockname")).toMatchObject(from)

    const six = createServer((socket) => socket.end()).listen(0, "::1")
    const hasIpv6 = await Promise.race([once(six, "listening").then(() => true), once(six, "error").then(() => false)])
    if (hasIpv6) {
      const { port } = six.address() as { port: number }
      const protocol = new Recorder()
      const [transport] = await loop.createConnection(() => protocol, { host: "::1", port })
      expect(transport.getExtraInfo("peername")).toEqual({ host: "::1", port, family: "IPv6" })
      await protocol.lost()
      six.close()
    }

    const port = await closedPort()
    await expect(loop.createConnection(unwanted, { host: "127.0.0.1", port })).rejects.toMatchObject({
      name: "OsFailure",
      errno: "ECONNREFUSED",
      message: expect.stringContaining(String(port)),
    })
    await expect(loop.createConnection(unwanted, { host: "host.invalid", port })).rejects.toMatchObject({
      name: "ResolveFailed",
    })
    for (const wrong of [{ host: "" }, { host: "127.0.0.1", port: 70_000 }, { host: "127.0.0.1", tls: {}, port: -1 }]) {
      await expect(loop.createConnection(unwanted, { port, ...wrong })).rejects.toMatchObject({ name: "InvalidParams" })
    }
    const cancelled = loop.createConnection(unwanted, { ...peer, signal: AbortSignal.abort() })
    await expect(cancelled).rejects.toMatchObject({ name: "RequestCancelled" })
  },
)

proves(
  "LOOP-create_server",
  "listens where it is told, serves when it is told, and its connections outlive it",
  async () => {
    const { client } = await startLibrary()
    const { loop } = client
    const all = await loop.createServer(() => ({}), { port: 0 })
    expect(all.sockets.length).toBeGreaterThanOrEqual(1)
    all.close()
    const twice = await loop.createServer(() => ({}), { host: ["127.0.0.1", "127.0.0.1", "127.0.0.2"], port: 0 })
    expect(twice.sockets.map((socket) => (socket as { host: string }).host)).toEqual(["127.0.0.1", "127.0.0.2"])
    twice.close()

    const accepted = new Recorder()
    const server = await loop.createServer(() => accepted, { host: "127.0.0.1", port: 0, startServing: false })
    expect([server.isServing(), server.sockets]).toEqual([false, []])
    await server.startServing()
    await server.startServing()
    const { port } = server.sockets[0] as { port: number }
    await expect(loop.createServer(unwanted, { host: "127.0.0.1", port })).rejects.toMatchObject({
      name: "OsFailure",
      errno: "EADDRINUSE",
      message: expect.stringContaining(String(port)),
    })
    const visitor = await visit(harness, port)
    await accepted.recording.heard("made")
    server.close()
    server.close()
    await server.waitClosed()
    expect([server.isServing(), server.sockets]).toEqual([false, []])
    await expect(loop.createConnection(unwanted, { host: "127.0.0.1", port })).rejects.toMatchObject({
      errno: "ECONNREFUSED",
    })
    visitor.write("lives on")
    await accepted.received(8)
    // The address is free at once: another may listen there.
    const again = await loop.createServer(() => ({}), { host: "127.0.0.1", port })
    expect(again.isServing()).toBe(true)
  },
)

proves(
  "LOOP-create_unix_connection",
  "connects to a path, a relative one of the client; a missing one is ENOENT",
  async () => {
    const { client } = await startLibrary()
    const directory = await folder(harness)
    const path = join(directory, "socket")
    const server = createServer((socket) => socket.pipe(socket)).listen(path)
    await once(server, "listening")
    harness.cleanup(() => server.close())
    for (const each of [path, relative(process.cwd(), path)]) {
      const protocol = new Recorder()
      const [transport] = await client.loop.createUnixConnection(() => protocol, { path: each })
      expect(transport.getExtraInfo("peername")).toEqual({ path })
      expect(transport.getExtraInfo("sockname")).toEqual({ path: "" })
      transport.write(Buffer.from("x"))
      await protocol.received(1)
      transport.close()
      await protocol.lost()
    }
    const missing = client.loop.createUnixConnection(unwanted, { path: join(directory, "missing") })
    await expect(missing).rejects.toMatchObject({ name: "OsFailure", errno: "ENOENT" })
    const refused = client.loop.createUnixConnection(unwanted, { path, tls: true })
    await expect(refused).rejects.toMatchObject({ name: "InvalidParams" })
  },
)

proves(
  "LOOP-create_unix_server",
  "takes the place of a stale socket, never of a file, and is reached by its path",
  async () => {
    const { client } = await startLibrary()
    const directory = await folder(harness)
    const path = join(directory, "socket")
    await makeStale(path)
    const accepted: Recorder[] = []
    const factory = (): Recorder => {
      const protocol = new Recorder()
      accepted.push(protocol)
      return protocol
    }
    const server = await client.loop.createUnixServer(factory, { path })
    expect(server.sockets).toEqual([{ path }])
    const [transport] = await client.loop.createUnixConnection(() => ({}), { path })
    transport.write(Buffer.from("x"))
    while (accepted.length === 0) await barrier(client)
    await accepted[0]?.received(1)
    await expect(client.loop.createUnixServer(unwanted, { path })).rejects.toMatchObject({ errno: "EADDRINUSE" })
    server.close()
    await server.waitClosed()
    const again = await client.loop.createUnixServer(() => ({}), { path })
    again.close()

    const file = join(directory, "file")
    writeFileSync(file, "precious")
    await expect(client.loop.createUnixServer(unwanted, { path: file })).rejects.toMatchObject({ errno: "EADDRINUSE" })
  },
)

/** Leaves a socket file behind at which nobody answers. */
async function makeStale(path: string): Promise<void> {
  const server = createServer().listen(path)
  await once(server, "listening")
  renameSync(path, `${path}.kept`)
  server.close()
  await once(server, "close")
  renameSync(`${path}.kept`, path)
  expect(statSync(path).isSocket()).toBe(true)
}

proves("LOOP-create_datagram_endpoint", "binds, connects, both or neither, and refuses what has no sense", async () => {
  const { client } = await startLibrary()
  const { loop } = client
  const peer = await udpPeer(harness)
  const both = await endpoint(client, { localAddr: LOCAL, remoteAddr: peer.addr })
  expect(both.transport.getExtraInfo("peername")).toMatchObject(peer.addr)
  expect(both.sockname.host).toBe("127.0.0.1")
  const neither = await endpoint(client, { family: "IPv4" })
  expect(neither.transport.getExtraInfo("peername", "x")).toBeNull()
  const broadcast = await endpoint(client, { remoteAddr: peer.addr, allowBroadcast: true })
  expect(broadcast.transport.getExtraInfo("peername")).toBeNull()
  broadcast.transport.sendto(Buffer.from("x"))
  expect((await peer.next()).data.toString()).toBe("x")

  await expect(loop.createDatagramEndpoint(unwanted as () => object, {})).rejects.toMatchObject({
    name: "InvalidParams",
  })
  const taken = loop.createDatagramEndpoint(unwanted as () => object, { localAddr: peer.addr })
  await expect(taken).rejects.toMatchObject({ name: "OsFailure", errno: "EADDRINUSE" })
  const mixed = { localAddr: { host: "::1", port: 0 }, remoteAddr: peer.addr }
  await expect(loop.createDatagramEndpoint(unwanted as () => object, mixed)).rejects.toThrow()
})

provesFor("LOOP-sendfile", WRITABLE, "sends a file or a part of it, in order with what is written", async (kind) => {
  const { client, transport, remote } = await harness.writing(kind, new Recorder())
  const received = new RemoteRecorder(remote)
  const bytes = pattern(300_000)
  const path = join(await folder(harness), "file")
  writeFileSync(path, bytes)
  const file = await open(path)
  transport.write(Buffer.from("before "))
  expect(await client.loop.sendfile(transport, path)).toBe(300_000)
  transport.write(Buffer.from(" between "))
  expect(await client.loop.sendfile(transport, file, { offset: 10, count: 20 })).toBe(20)
  expect(await client.loop.sendfile(transport, path, { offset: 299_999, count: 20 })).toBe(1)
  transport.write(Buffer.from(" behind"))
  const all = Buffer.concat([
    Buffer.from("before "),
    bytes,
    Buffer.from(" between "),
    bytes.subarray(10, 30),
    bytes.subarray(-1),
    Buffer.from(" behind"),
  ])
  await received.until(all.length)
  expect(received.data.equals(all)).toBe(true)

  for (const source of [path, file]) {
    const sending = client.loop.sendfile(transport, source)
    const busy = expect.objectContaining({ name: "TransportBusy", message: "sendfile is in progress" })
    expect(() => transport.write(Buffer.from("x"))).toThrow(busy)
    await expect(client.loop.sendfile(transport, path)).rejects.toThrow(busy)
    expect(await sending).toBe(300_000)
    for (const wrong of [{ offset: -1 }, { count: 0 }, { count: -1 }, { offset: 0.5 }]) {
      await expect(client.loop.sendfile(transport, source, wrong)).rejects.toMatchObject({ name: "InvalidParams" })
    }
  }
  await expect(client.loop.sendfile(transport, file, { fallback: false })).rejects.toMatchObject({
    name: "NotSupported",
  })
  transport.close()
  for (const source of [path, file]) {
    await expect(client.loop.sendfile(transport, source)).rejects.toMatchObject({ name: "TransportClosed" })
  }
  await file.close()
})

test.each(STREAMS)("LOOP-sendfile (%s): nothing is received meanwhile, a remote that leaves ends it", async (kind) => {
  const path = join(await folder(harness), "file")
  writeFileSync(path, Buffer.alloc(16 * 1024 * 1024))
  const file = await open(path)
  for (const source of [path, file]) {
    const { client, transport, protocol, remote } = await harness.connected(kind, new Recorder())
    const sending = client.loop.sendfile(transport, source)
    expect(transport.isReading()).toBe(false)
    const failure = expect(sending).rejects.toMatchObject({ name: "TransportBroken" })
    await client.request("daemon/info", {})
    remote.destroy()
    await failure
    await protocol.lost()
  }
  await file.close()
})

test("LOOP-sendfile: is not for datagrams", async () => {
  const { client } = await startLibrary()
  const { transport } = await endpoint(client, { localAddr: LOCAL })
  await expect(client.loop.sendfile(transport as never, "/etc/hosts")).rejects.toMatchObject({ name: "NotSupported" })
})

skipped("LOOP-add_reader", "the descriptors of transports are the daemon's: a client has none that could be watched")

proves("LOOP-connect_read_pipe", "reads a named pipe by path, and nothing that is no pipe", async () => {
  const { client } = await startLibrary()
  const directory = await folder(harness)
  const file = join(directory, "file")
  writeFileSync(file, "x")
  for (const path of [file, directory, "/dev/null"]) {
    await expect(client.loop.connectReadPipe(unwanted, { path })).rejects.toMatchObject({ name: "InvalidParams" })
  }
  const { protocol, remote } = await harness.reading("pipe", new Recorder({ eofReceived: () => true }))
  remote.end("all of it")
  expect(await protocol.lost()).toBeNull()
  expect(protocol.data.toString()).toBe("all of it")
  expect(protocol.recording.events.slice(-2)).toEqual(["eof", "lost"])
})

proves("LOOP-connect_write_pipe", "writes to a named pipe, and notices when its reader leaves", async () => {
  const { client } = await startLibrary()
  const missing = client.loop.connectWritePipe(unwanted, { path: "/no/such/pipe" })
  await expect(missing).rejects.toMatchObject({ errno: "ENOENT" })
  const idle = await harness.writing("pipe", new Recorder())
  expect(() => idle.transport.write("text" as unknown as Uint8Array)).toThrow(TypeError)
  idle.remote.destroy()
  expect(await idle.protocol.lost()).toBeNull()
  const busy = await harness.writing("pipe", new Recorder())
  busy.transport.write(Buffer.alloc(1_000_000))
  await barrier(busy.client)
  busy.remote.destroy()
  expect(await busy.protocol.lost()).toMatchObject({ name: "TransportBroken", errno: "EPIPE" })
})
