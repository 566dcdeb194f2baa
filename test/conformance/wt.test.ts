/** WriteTransport: what is written, in which order, and the two ends of writing. */
import { once } from "node:events"
import { expect } from "vitest"
import { barrier, ProcessRecorder, Recorder } from "../client/library.ts"
import { Recorder as RemoteRecorder } from "../support/peers.ts"
import { stubborn } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { HALF_CLOSING, setupKinds, STREAMS, WRITABLE } from "./kinds.ts"
import { proves, provesFor, skipped } from "./rows.ts"

const { connected, running, writing } = setupKinds()

const BIG = pattern(8 * 1024 * 1024)

provesFor("WT-1", WRITABLE, "abort() ends it although nothing was flushed", async (kind) => {
  const { transport, protocol } = await writing(kind, new Recorder())
  transport.write(BIG)
  transport.abort()
  expect(transport.isClosing()).toBe(true)
  // The remote reads nothing before this.
  expect(await protocol.lost()).toBeNull()
})

provesFor("WT-2", WRITABLE, "what abort() finds in the buffer is lost, behind a close() as well", async (kind) => {
  for (const closed of [false, true]) {
    const { transport, protocol, remote } = await writing(kind, new Recorder())
    transport.write(BIG)
    if (closed) transport.close()
    transport.abort()
    expect(transport.getWriteBufferSize()).toBe(0)
    expect(await protocol.lost()).toBeNull()
    const got = new RemoteRecorder(remote)
    await got.over
    expect(got.bytes).toBeLessThan(BIG.length)
    expect(got.data.equals(BIG.subarray(0, got.bytes))).toBe(true)
  }
})

provesFor("WT-3", STREAMS, "nothing is received once abort() returned", async (kind) => {
  const protocol: Recorder = new Recorder({ dataReceived: () => protocol.transport?.abort() })
  const { client, remote } = await connected(kind, protocol)
  remote.write(BIG)
  expect(await protocol.lost()).toBeNull()
  await barrier(client)
  expect(protocol.recording.events).toEqual(["made", "data", "lost"])
})

provesFor("WT-4", WRITABLE, "connectionLost(null) follows abort() once, and no resumeWriting", async (kind) => {
  const { client, transport, protocol } = await writing(kind, new Recorder())
  transport.write(BIG)
  transport.abort()
  expect(protocol.recording.events).toEqual(["made", "pause"])
  transport.abort()
  transport.close()
  expect(await protocol.lost()).toBeNull()
  transport.abort()
  await barrier(client)
  expect(protocol.recording.events).toEqual(["made", "pause", "lost"])
})

provesFor("WT-5", WRITABLE, "canWriteEof() is true but for TLS", async (kind) => {
  const { transport } = await writing(kind, new Recorder())
  expect(transport.canWriteEof()).toBe(kind !== "tls")
})

provesFor("WT-19", WRITABLE, "write() sends any bytes unchanged, copies them, and takes nothing else", async (kind) => {
  const { transport, protocol, remote } = await writing(kind, new Recorder())
  const got = new RemoteRecorder(remote)
  const all = Uint8Array.from({ length: 256 }, (_, value) => value)
  transport.write(all)
  all.fill(0)
  transport.write(new Uint8Array(0))
  for (const wrong of ["text", 7, null, undefined, [1, 2]]) {
    expect(() => transport.write(wrong as unknown as Uint8Array)).toThrow(TypeError)
  }
  transport.write(Buffer.from("end"))
  transport.close()
  await Promise.all([protocol.lost(), got.over])
  expect([...got.data]).toEqual([...Array.from({ length: 256 }).keys(), ...Buffer.from("end")])
})

provesFor("WT-20", WRITABLE, "write() returns at once, however much the remote leaves unread", async (kind) => {
  const { transport, protocol } = await writing(kind, new Recorder())
  for (let count = 0; count < 8; count++) transport.write(BIG)
  expect(transport.getWriteBufferSize()).toBe(8 * BIG.length)
  expect(protocol.recording.events).toEqual(["made", "pause"])
  transport.abort()
  await protocol.lost()
})

provesFor("WT-21", WRITABLE, "writelines() takes any iterable, keeps its order, and empty ones", async (kind) => {
  const { transport, protocol, remote } = await writing(kind, new Recorder())
  const got = new RemoteRecorder(remote)
  transport.writelines([])
  transport.writelines([Buffer.from("a"), Buffer.alloc(0), new Uint8Array([98])])
  transport.writelines(new Set([Buffer.from("c")]))
  transport.writelines(
    (function* () {
      yield Buffer.from("d")
      yield Buffer.from("e")
    })(),
  )
  transport.close()
  await Promise.all([protocol.lost(), got.over])
  expect(got.data.toString()).toBe("abcde")
})

proves("WT-22", "writelines() pauses, throws after writeEof() and is silent after close(), as write() is", async () => {
  const { transport, protocol, remote } = await connected("tcp", new Recorder())
  const got = new RemoteRecorder(remote)
  transport.writelines([Buffer.alloc(65_536)])
  expect(protocol.recording.count("pause")).toBe(0)
  transport.writelines([Buffer.alloc(0), Buffer.alloc(1)])
  expect(protocol.recording.count("pause")).toBe(1)
  transport.writeEof()
  expect(() => transport.writelines([Buffer.from("x")])).toThrow(expect.objectContaining({ name: "TransportClosed" }))
  transport.close()
  transport.writelines([Buffer.from("x")])
  await Promise.all([protocol.lost(), got.over])
  expect(got.bytes).toBe(65_537)
})

provesFor(
  "WT-23",
  HALF_CLOSING,
  "writeEof() ends the writing side behind all bytes, and nothing else",
  async (kind) => {
    const { client, transport, protocol, remote } = await connected(kind, new Recorder())
    transport.write(BIG)
    transport.writeEof()
    transport.writeEof()
    for (const late of [Buffer.from("x"), Buffer.alloc(0)]) {
      expect(() => transport.write(late)).toThrow(expect.objectContaining({ name: "TransportClosed" }))
    }
    const got = new RemoteRecorder(remote)
    await once(remote, "end")
    expect(got.data.equals(BIG)).toBe(true)
    await barrier(client)
    expect(transport.isClosing()).toBe(false)
    expect(protocol.recording.count("lost")).toBe(0)

    const pipe = await writing("pipe", new Recorder())
    const sink = new RemoteRecorder(pipe.remote)
    pipe.transport.write(Buffer.from("last"))
    pipe.transport.writeEof()
    expect(await pipe.protocol.lost()).toBeNull()
    await sink.over
    expect(sink.data.toString()).toBe("last")
  },
)

provesFor("WT-24", HALF_CLOSING, "after writeEof() data and the end are still received", async (kind) => {
  const { transport, protocol, remote } = await connected(kind, new Recorder())
  transport.writeEof()
  remote.resume()
  await once(remote, "end")
  remote.write("answer")
  await protocol.received(6)
  expect(protocol.recording.events).toEqual(["made", "data"])
  remote.end()
  expect(await protocol.lost()).toBeNull()
  expect(protocol.recording.events).toEqual(["made", "data", "eof", "lost"])
})

proves("WT-25", "writeEof() on TLS throws NotSupported, and the connection is unharmed", async () => {
  const { client, transport, remote } = await connected("tls", new Recorder())
  expect(() => transport.writeEof()).toThrow(expect.objectContaining({ name: "NotSupported" }))
  // And on the wire, to a client that asks all the same.
  await expect(client.request("transport/writeEof", { transport: transport.id })).rejects.toMatchObject({ code: 1105 })
  const got = new RemoteRecorder(remote)
  transport.write(Buffer.from("still here"))
  await got.until(10)
})

skipped("WT-18", "advice on performance; there is nothing to observe")

proves(
  "WT-6",
  "getWriteBufferSize() grows by what is written, falls to 0 as the remote reads, and on abort()",
  async () => {
    const { client, transport, protocol, remote } = await connected("tcp", new Recorder())
    transport.write(BIG)
    // The system's own buffers are full after a while: what is written now stays.
    let [before, still] = [-1, 0]
    while (still < 10) {
      await barrier(client)
      still = transport.getWriteBufferSize() === before ? still + 1 : 0
      before = transport.getWriteBufferSize()
    }
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(BIG.length)
    transport.write(Buffer.alloc(12_345))
    await barrier(client)
    expect(transport.getWriteBufferSize()).toBe(before + 12_345)
    const got = new RemoteRecorder(remote)
    await got.until(BIG.length + 12_345)
    await protocol.recording.heard("resume")
    while (transport.getWriteBufferSize() > 0) await barrier(client)

    const child = await running(stubborn, new ProcessRecorder())
    const stdin = child.transport.getPipeTransport(0)
    stdin?.write(BIG)
    expect(stdin?.getWriteBufferSize()).toBe(BIG.length)
    stdin?.abort()
    expect(stdin?.getWriteBufferSize()).toBe(0)
  },
)
