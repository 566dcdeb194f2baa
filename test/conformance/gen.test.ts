/** What the document says before it comes to details: pairs, factories, kinds, and who makes what. */
import { expect } from "vitest"
import type { Transport } from "transportd/client"
import { barrier, ProcessRecorder, Recorder } from "../client/library.ts"
import { listenPeer, Recorder as RemoteRecorder, visit } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { endpoint } from "./datagrams.ts"
import { setupKinds, STREAMS } from "./kinds.ts"
import { proves, provesFor, skipped } from "./rows.ts"

const harness = setupKinds()
const { connected, reading, startDaemon, startLibrary, writing } = harness

interface Opened {
  readonly transport: number
  readonly pipes: Record<string, number>
}

proves("GEN-1", "each event names one transport, and no id is used twice", async () => {
  const client = await (await startDaemon()).connect()
  const peer = await listenPeer(harness, (socket) => socket.end(`to ${socket.remotePort}`))
  const ids = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const opened = await Promise.all(
      [1, 2].map(() =>
        client.request<Opened & { extra: { sockname: { port: number } } }>("loop/createConnection", peer),
      ),
    )
    for (const { transport, extra } of opened) {
      await client.lost(transport)
      expect(client.data(transport).toString()).toBe(`to ${extra.sockname.port}`)
      ids.add(transport)
    }
  }
  expect(ids.size).toBe(6)
})

provesFor("GEN-2", STREAMS, "what is written comes back through dataReceived of the same protocol", async (kind) => {
  const { transport, protocol, remote } = await connected(kind, new Recorder())
  remote.pipe(remote)
  transport.write(Buffer.from("echo"))
  await protocol.received(4)
  expect(protocol.data.toString()).toBe("echo")
  expect(protocol.recording.events[0]).toBe("made")
})

proves(
  "GEN-3",
  "a server calls the factory for each connection in order; one that throws costs its connection",
  async () => {
    const { client, reports } = await startLibrary()
    const made: Recorder[] = []
    let fail = false
    const server = await client.loop.createServer(
      () => {
        if (fail) throw new Error("on purpose")
        const protocol = new Recorder()
        made.push(protocol)
        return protocol
      },
      { host: "127.0.0.1", port: 0 },
    )
    const { port } = server.sockets[0] as { port: number }
    for (const name of ["a", "b", "c"]) {
      const visitor = await visit(harness, port)
      visitor.write(name)
      while (made.at(-1)?.data.toString() !== name) await barrier(client)
    }
    expect(made.map(({ data }) => data.toString())).toEqual(["a", "b", "c"])
    fail = true
    const refused = new RemoteRecorder(await visit(harness, port))
    await refused.over
    fail = false
    const again = await visit(harness, port)
    again.write("d")
    while (made.length < 4) await barrier(client)
    await made[3]?.received(1)
    expect(reports).toEqual([{ error: expect.any(Error), where: "a protocol factory" }])
  },
)

proves("GEN-4", "the pair is given, connectionMade has been called, and the wire names the id before", async () => {
  const { client } = await startLibrary()
  const peer = await listenPeer(harness)
  const [transport, protocol] = await client.loop.createConnection(() => new Recorder(), peer)
  expect(transport.getProtocol()).toBe(protocol)
  expect(protocol.transport).toBe(transport)
  const server = await client.loop.createServer(() => protocol, { host: "127.0.0.1", port: 0 })
  expect(server.isServing()).toBe(true)

  const raw = await (await startDaemon()).connect()
  const opened = await raw.request<Opened>("loop/createConnection", peer)
  await raw.callback(opened.transport, "connectionMade")
  const order = raw.received.map((each) => ("method" in each ? each.method : (each.result as Opened).transport))
  expect(order.slice(-2)).toEqual([opened.transport, "protocol/connectionMade"])
})

proves("GEN-5", "an unknown id is an error and changes nothing", async () => {
  const client = await (await startDaemon()).connect()
  const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
  const { transport } = await client.request<Opened>("loop/createConnection", peer)
  for (const method of ["write", "close", "pauseReading", "getExtraInfo"]) {
    const params = { transport: 4_711, text: "x", name: "sockname" }
    expect((await client.failure(`transport/${method}`, params)).code).toBe(1101)
    client.notify(`transport/${method}`, params)
  }
  expect(await client.request("transport/list")).toMatchObject({ transports: [{ transport }] })
  client.notify("transport/write", { transport, text: "alive" })
  await client.until(() => client.count(transport) === 5)
})

proves("GEN-6", "all kinds live in one daemon at once", async () => {
  const { client, daemon } = await startLibrary()
  const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
  const streams = await Promise.all(
    Array.from({ length: 3 }, () => client.loop.createConnection(() => new Recorder(), peer)),
  )
  const { transport: udp } = await endpoint(client)
  const child = new ProcessRecorder()
  const [process] = await client.loop.subprocessExec(() => child, [cat.program])
  expect([...daemon.table.holdings()].map(({ kind }) => kind).toSorted()).toEqual([
    "subprocess",
    "tcp",
    "tcp",
    "tcp",
    "udp",
  ])
  for (const [transport] of streams) transport.write(Buffer.from("x"))
  process.getPipeTransport(0)?.write(Buffer.from("x"))
  await Promise.all(streams.map(([, protocol]) => protocol.received(1)))
  await child.recording.heard("data 1")
  expect(udp.isClosing()).toBe(false)
  const kinds = client.greeting.capabilities.kinds
  for (const kind of ["tcp", "tls", "unix", "udp", "pipe", "subprocess"]) expect(kinds).toContain(kind)
})

proves("GEN-7", "what a kind cannot do is refused by name, and does no harm", async () => {
  const { client, transport: tcp } = await connected("tcp", new Recorder())
  const { transport: udp } = await endpoint(client)
  const refused = async (request: Promise<unknown>): Promise<void> =>
    expect(request).rejects.toMatchObject({ name: "NotSupported", data: { kind: expect.any(String) } })
  await refused(client.request("transport/write", { transport: udp.id, text: "x" }))
  await refused(client.request("transport/sendto", { transport: tcp.id, text: "x", addr: { host: "::1", port: 1 } }))
  await refused(client.request("transport/getPid", { transport: tcp.id }))
  const out = await writing("pipe", new Recorder())
  await refused(out.client.request("transport/pauseReading", { transport: out.transport.id }))
  const source = await reading("pipe", new Recorder())
  await refused(source.client.request("transport/write", { transport: source.transport.id, text: "x" }))
  const tls = await connected("tls", new Recorder())
  await refused(tls.client.request("transport/writeEof", { transport: tls.transport.id }))
  for (const { transport, remote } of [out, tls]) {
    const got = new RemoteRecorder(remote)
    transport.write(Buffer.from("fine"))
    await got.until(4)
  }
  expect([tcp.isClosing(), udp.isClosing(), source.transport.isClosing()]).toEqual([false, false, false])
})

proves("GEN-8", "calls of one client take effect in the order made, over all its transports", async () => {
  const { client } = await startLibrary()
  const order: string[] = []
  const peer = await listenPeer(harness, (socket) => socket.on("data", (data) => order.push(data.toString())).resume())
  const transports: Transport[] = []
  for (let count = 0; count < 3; count++) transports.push((await client.loop.createConnection(() => ({}), peer))[0])
  for (let count = 0; count < 30; count++) {
    transports[count % 3]?.write(Buffer.from(`${count} `))
    // Handed to the system before the next: what the remote reads then tells the order.
    while ((transports[count % 3]?.getWriteBufferSize() ?? 0) > 0) await barrier(client)
    while (order.length <= count) await barrier(client)
  }
  expect(order).toEqual(Array.from({ length: 30 }, (_, count) => `${count} `))
})

skipped("GEN-9", "advice on whom they are for; there is nothing to observe")

provesFor(
  "GEN-10",
  STREAMS,
  "the remote gets exactly the bytes that were written, and none before or behind",
  async (kind) => {
    const { transport, protocol, remote } = await connected(kind, new Recorder())
    const got = new RemoteRecorder(remote)
    const bytes = pattern(1_000_000)
    for (let at = 0; at < bytes.length; at += 33_333) transport.write(bytes.subarray(at, at + 33_333))
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    expect(got.data.equals(bytes)).toBe(true)
  },
)
