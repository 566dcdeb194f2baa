/** The hierarchy of transports: which kinds have which methods. TypeScript's interfaces are asked for by their methods. */
import { expect } from "vitest"
import type { BaseTransport } from "transportd/client"
import { ProcessRecorder, Recorder } from "../client/library.ts"
import { listenPeer, visit } from "../support/peers.ts"
import { folder } from "../support/pipes.ts"
import { cat, shell } from "../support/programs.ts"
import { endpoint } from "./datagrams.ts"
import { setupKinds, STREAMS } from "./kinds.ts"
import { proves, provesFor } from "./rows.ts"

const harness = setupKinds()
const { connected, reading, running, startLibrary, writing } = harness

const BASE = ["close", "isClosing", "getExtraInfo"]
const READ = ["isReading", "pauseReading", "resumeReading"]
const WRITE = [
  ..."abort canWriteEof getWriteBufferSize getWriteBufferLimits setWriteBufferLimits".split(" "),
  ..."write writelines writeEof".split(" "),
]

function lacking(transport: object, methods: readonly string[]): string[] {
  return methods.filter((name) => typeof (transport as Record<string, unknown>)[name] !== "function")
}

proves("HI-1", "close, isClosing, getExtraInfo, setProtocol and getProtocol work for every kind", async () => {
  const { client } = await startLibrary()
  const all: Array<BaseTransport & { getProtocol?(): unknown; setProtocol?(protocol: object): void }> = []
  for (const kind of STREAMS) all.push((await connected(kind, new Recorder())).transport)
  all.push((await reading("pipe", new Recorder())).transport, (await writing("pipe", new Recorder())).transport)
  all.push((await endpoint(client)).transport, (await running(cat, new ProcessRecorder())).transport)
  for (const transport of all) {
    expect(lacking(transport, [...BASE, "getProtocol", "setProtocol"])).toEqual([])
    const next = {}
    transport.setProtocol?.(next)
    expect(transport.getProtocol?.()).toBe(next)
    expect(transport.isClosing()).toBe(false)
    transport.close()
    expect(transport.isClosing()).toBe(true)
  }
})

proves("HI-2", "a write pipe has the methods of a WriteTransport, and is not read", async () => {
  const { client, transport } = await writing("pipe", new Recorder())
  expect(lacking(transport, [...BASE, ...WRITE])).toEqual([])
  for (const method of ["transport/pauseReading", "transport/isReading"] as const) {
    await expect(client.request(method, { transport: transport.id })).rejects.toMatchObject({ name: "NotSupported" })
  }
})

proves("HI-3", "a child's standard input is a WriteTransport that works", async () => {
  const { transport, protocol } = await running(cat, new ProcessRecorder())
  const stdin = transport.getPipeTransport(0)!
  expect(lacking(stdin, [...BASE, ...WRITE])).toEqual([])
  expect(lacking(stdin, READ)).toEqual(READ)
  stdin.writelines([Buffer.from("a"), Buffer.from("b")])
  stdin.writeEof()
  await protocol.lost()
  expect(protocol.output(1)).toBe("ab")
})

proves("HI-4", "a read pipe has the methods of a ReadTransport, and is not written to", async () => {
  const { client, transport } = await reading("pipe", new Recorder())
  expect(lacking(transport, [...BASE, ...READ])).toEqual([])
  const writingToIt = client.request("transport/write", { transport: transport.id, text: "x" })
  await expect(writingToIt).rejects.toMatchObject({ name: "NotSupported" })
  expect(transport.isClosing()).toBe(false)
})

proves("HI-5", "a child's outputs are ReadTransports that work", async () => {
  const { transport, protocol } = await running(shell("read go; echo x; echo y >&2"), new ProcessRecorder())
  for (const fd of [1, 2] as const) {
    const output = transport.getPipeTransport(fd)!
    expect(lacking(output, [...BASE, ...READ])).toEqual([])
    expect(lacking(output, WRITE)).toEqual(WRITE)
    output.pauseReading()
  }
  transport.getPipeTransport(0)?.write(Buffer.from("go\n"))
  await protocol.recording.heard("exited")
  expect(protocol.recording.events.filter((event) => event.startsWith("data"))).toEqual([])
  for (const fd of [1, 2] as const) transport.getPipeTransport(fd)?.resumeReading()
  await protocol.lost()
  expect([protocol.output(1), protocol.output(2)]).toEqual(["x\n", "y\n"])
})

provesFor("HI-6", STREAMS, "a connection is read and written", async (kind) => {
  const { transport, protocol, remote } = await connected(kind, new Recorder())
  expect(lacking(transport, [...BASE, ...READ, ...WRITE])).toEqual([])
  remote.pipe(remote)
  transport.write(Buffer.from("both ways"))
  await protocol.received(9)
  expect(protocol.data.toString()).toBe("both ways")
})

proves(
  "HI-7",
  "a factory is called once for each transport, before its connectionMade, and never by a failure",
  async () => {
    const { client } = await startLibrary()
    const peer = await listenPeer(harness)
    const order: string[] = []
    const factory = (): Recorder => {
      order.push("factory")
      return new Recorder({ connectionMade: () => order.push("made") })
    }
    await client.loop.createConnection(factory, peer)
    await client.loop.createConnection(factory, peer)
    await expect(client.loop.createUnixConnection(factory, { path: "/no/such/socket" })).rejects.toThrow("ENOENT")
    expect(order).toEqual(["factory", "made", "factory", "made"])
  },
)

proves("HI-8", "connections of both kinds and those of a server are two-way transports", async () => {
  const { client } = await startLibrary()
  const peer = await listenPeer(harness)
  const [tcp] = await client.loop.createConnection(() => ({}), peer)
  const accepted = new Recorder()
  const server = await client.loop.createServer(() => accepted, { host: "127.0.0.1", port: 0 })
  await visit(harness, (server.sockets[0] as { port: number }).port)
  await accepted.recording.heard("made")
  const path = `${await folder(harness)}/socket`
  await client.loop.createUnixServer(() => ({}), { path })
  const [unix] = await client.loop.createUnixConnection(() => ({}), { path })
  for (const transport of [tcp, accepted.transport!, unix]) {
    expect(lacking(transport, [...BASE, ...READ, ...WRITE])).toEqual([])
  }
})

proves("HI-9", "an endpoint is a DatagramTransport: it has sendto, abort and no write", async () => {
  const { client } = await startLibrary()
  const { transport } = await endpoint(client)
  expect(lacking(transport, [...BASE, "sendto", "abort"])).toEqual([])
  expect(lacking(transport, ["write", "writelines", "writeEof"])).toHaveLength(3)
})

proves("HI-10", "a process is a SubprocessTransport, and a child of the daemon", async () => {
  const { daemon, transport, protocol } = await running(shell("echo $PPID"), new ProcessRecorder())
  const methods = "getPid getPipeTransport getReturncode kill sendSignal terminate".split(" ")
  expect(lacking(transport, [...BASE, ...methods])).toEqual([])
  await protocol.lost()
  expect(daemon.info().pid).toBe(Number(protocol.output(1)))
})
