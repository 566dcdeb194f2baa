/** What a user's callbacks and factories may throw, and whom it costs what: never the daemon, never anybody else. */
import { describe, expect, it } from "vitest"
import { listenPeer, Recorder as SocketRecorder, visit } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { barrier, BufferedRecorder, ProcessRecorder, Recorder, setupLibrary } from "./library.ts"

const harness = setupLibrary()
const { startLibrary } = harness

class Oops extends Error {}

function oops(): never {
  throw new Oops("on purpose")
}

describe("a callback that throws", () => {
  it("in connectionMade is reported; the transport stays and createConnection returns", async () => {
    const { client, reports } = await startLibrary()
    const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
    const protocol = new Recorder({ connectionMade: oops })
    const [transport] = await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    transport.write(Buffer.from("still"))
    await protocol.received(5)
    expect(reports).toEqual([{ error: expect.any(Oops), where: "connectionMade" }])
    transport.close()
    expect(await protocol.lost()).toBeNull()
  })

  it.each(["dataReceived", "eofReceived"] as const)("in %s ends its transport for that reason", async (callback) => {
    const { client, reports } = await startLibrary()
    const peer = await listenPeer(harness)
    const protocol = new Recorder({ [callback]: oops })
    const [transport] = await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    const remote = await peer.accepted()
    const got = new SocketRecorder(remote)
    remote.end("x")
    expect(await protocol.lost()).toBeInstanceOf(Oops)
    await got.over
    expect(reports.map(({ error }) => error)).toEqual([protocol.error])
    expect(transport.isClosing()).toBe(true)
  })

  it("in bufferUpdated ends its transport for that reason", async () => {
    const { client, reports } = await startLibrary()
    const peer = await listenPeer(harness, (socket) => socket.write("abcdefg"))
    const protocol = new BufferedRecorder(() => Buffer.alloc(3), oops)
    await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    await protocol.recording.heard("lost")
    expect(protocol.error).toBeInstanceOf(Oops)
    expect(protocol.sizes).toEqual([3])
    expect(reports).toHaveLength(1)
  })

  it("in pauseWriting, resumeWriting and connectionLost is reported, and changes nothing", async () => {
    const { client, reports } = await startLibrary()
    const peer = await listenPeer(harness)
    const protocol = new Recorder({ pauseWriting: oops, resumeWriting: oops, connectionLost: oops })
    const [transport] = await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    const got = new SocketRecorder(await peer.accepted())
    transport.write(Buffer.alloc(100_000))
    await protocol.recording.heard("resume")
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    await barrier(client)
    expect(got.bytes).toBe(100_000)
    expect(reports.map(({ where }) => where)).toEqual(["pauseWriting", "resumeWriting", "connectionLost"])
  })

  it("in a subprocess protocol is reported; the process goes on", async () => {
    const { client, reports } = await startLibrary()
    const protocol = new ProcessRecorder({ pipeDataReceived: oops, processExited: oops })
    const [transport] = await client.loop.subprocessExec(() => protocol, [cat.program])
    const stdin = transport.getPipeTransport(0)
    stdin?.write(Buffer.from("one"))
    await protocol.recording.heard("data 1")
    stdin?.write(Buffer.from("two"))
    stdin?.close()
    await protocol.lost()
    expect(protocol.output(1)).toBe("onetwo")
    expect(transport.getReturncode()).toBe(0)
    expect(new Set(reports.map(({ where }) => where))).toEqual(new Set(["pipeDataReceived", "processExited"]))
  })

  it("does no harm when the exception handler throws, too", async () => {
    const { client } = await startLibrary()
    const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
    client.setExceptionHandler(oops)
    const protocol = new Recorder({ connectionMade: oops })
    const printed: unknown[] = []
    const { error } = console
    console.error = (...what: unknown[]) => printed.push(what)
    harness.cleanup(() => (console.error = error))
    const [transport] = await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    transport.write(Buffer.from("still"))
    await protocol.received(5)
    expect(printed).toHaveLength(2)
    transport.close()
    await protocol.lost()
  })
})

describe("a factory that throws", () => {
  it("makes createConnection reject, and leaves no connection", async () => {
    const { client, daemon } = await startLibrary()
    const peer = await listenPeer(harness)
    await expect(client.loop.createConnection(oops, { host: peer.host, port: peer.port })).rejects.toBeInstanceOf(Oops)
    const got = new SocketRecorder(await peer.accepted())
    await got.over
    await barrier(client)
    expect([...daemon.table.holdings()]).toEqual([])
  })

  it("makes subprocessExec reject, and leaves no process", async () => {
    const { client } = await startLibrary()
    await expect(client.loop.subprocessExec(oops, [cat.program])).rejects.toBeInstanceOf(Oops)
  })

  it("costs a server that one connection", async () => {
    const { client, reports } = await startLibrary()
    let first = true
    const protocol = new Recorder()
    const server = await client.loop.createServer(
      () => {
        if (!first) return protocol
        first = false
        return oops()
      },
      { host: "127.0.0.1", port: 0 },
    )
    const { port } = server.sockets[0] as { port: number }
    const refused = new SocketRecorder(await visit(harness, port))
    await refused.over
    const accepted = await visit(harness, port)
    accepted.end("hello")
    await protocol.lost()
    expect(protocol.data.toString()).toBe("hello")
    expect(reports).toEqual([{ error: expect.any(Oops), where: "a protocol factory" }])
    server.close()
  })
})
