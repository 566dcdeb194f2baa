/** The writing half of a transport as a user of the client library sees it: the buffer, its marks, its end. */
import { once } from "node:events"
import type { Socket } from "node:net"
import { describe, expect, it } from "vitest"
import { isRpcError, type Transport } from "transportd/client"
import { listenPeer, Recorder as SocketRecorder } from "../support/peers.ts"
import { pattern } from "../support/random.ts"
import { Recorder, setupLibrary, type Library } from "./library.ts"

const harness = setupLibrary()
const { startLibrary } = harness

interface Connected extends Library {
  readonly transport: Transport
  readonly protocol: Recorder
  readonly remote: Socket
}

/** A connection to a remote that reads nothing yet. */
async function connected(protocol = new Recorder()): Promise<Connected> {
  const library = await startLibrary()
  const peer = await listenPeer(harness)
  const { host, port } = peer
  const [transport] = await library.client.loop.createConnection(() => protocol, { host, port })
  return { ...library, transport, protocol, remote: await peer.accepted() }
}

const BIG = pattern(8 * 1024 * 1024)

describe("the write buffer", () => {
  it("calls pauseWriting inside write(), strictly over the high water mark, and once", async () => {
    const { transport, protocol } = await connected()
    transport.write(Buffer.alloc(65_536))
    expect(transport.getWriteBufferSize()).toBe(65_536)
    expect(protocol.recording.count("pause")).toBe(0)
    transport.write(Buffer.alloc(1))
    expect(protocol.recording.count("pause")).toBe(1)
    transport.write(Buffer.alloc(100_000))
    expect(protocol.recording.count("pause")).toBe(1)
    transport.abort()
    await protocol.lost()
  })

  it("calls resumeWriting at or under the low water mark, once for each pause", async () => {
    const sizes: number[] = []
    const protocol = new Recorder({ resumeWriting: () => sizes.push(protocol.transport?.getWriteBufferSize() ?? -1) })
    const { transport, remote } = await connected(protocol)
    transport.setWriteBufferLimits({ highBytes: 1000, lowBytes: 100 })
    transport.write(BIG)
    expect(protocol.recording.count("pause")).toBe(1)
    const got = new SocketRecorder(remote)
    await got.until(BIG.length)
    await protocol.recording.heard("resume")
    expect(sizes).toHaveLength(1)
    expect(sizes[0]).toBeLessThanOrEqual(100)
    transport.close()
    await protocol.lost()
  })

  it("pauses on the first byte and resumes on the last when the marks are zero", async () => {
    const sizes: number[] = []
    const protocol = new Recorder({ resumeWriting: () => sizes.push(protocol.transport?.getWriteBufferSize() ?? -1) })
    const { transport } = await connected(protocol)
    transport.setWriteBufferLimits({ highBytes: 0 })
    expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 0, highBytes: 0 })
    expect(protocol.recording.events).toEqual(["made"])
    transport.write(Buffer.from("x"))
    expect(protocol.recording.count("pause")).toBe(1)
    await protocol.recording.heard("resume")
    expect(sizes).toEqual([0])
    transport.close()
    await protocol.lost()
  })

  it("derives the mark that is not given, and has asyncio's defaults", async () => {
    const { transport } = await connected()
    expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 16_384, highBytes: 65_536 })
    transport.setWriteBufferLimits({ highBytes: 1001 })
    expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 250, highBytes: 1001 })
    transport.setWriteBufferLimits({ lowBytes: 16_385 })
    expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 16_385, highBytes: 65_540 })
    transport.setWriteBufferLimits()
    expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 16_384, highBytes: 65_536 })
  })

  it.each([
    { highBytes: 5, lowBytes: 6 },
    { highBytes: 0, lowBytes: 1 },
    { highBytes: -1 },
    { lowBytes: -1 },
    { highBytes: Number.NaN },
  ])("refuses the marks %o and keeps the old ones", async (limits) => {
    const { transport } = await connected()
    expect(() => transport.setWriteBufferLimits(limits)).toThrow(expect.objectContaining({ name: "InvalidParams" }))
    expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 16_384, highBytes: 65_536 })
  })

  it("pauses at once when the marks fall under what is buffered, and not at exactly that", async () => {
    const { transport, protocol } = await connected()
    transport.write(Buffer.alloc(500))
    transport.setWriteBufferLimits({ highBytes: 500 })
    expect(protocol.recording.count("pause")).toBe(0)
    transport.setWriteBufferLimits({ highBytes: 499 })
    expect(protocol.recording.count("pause")).toBe(1)
    await protocol.recording.heard("resume")
  })

  it("lets resumeWriting write again, and pauses again", async () => {
    let rounds = 0
    const protocol = new Recorder({
      resumeWriting: () => {
        if (++rounds < 5) protocol.transport?.write(Buffer.alloc(70_000))
        else protocol.transport?.close()
      },
    })
    const { transport, remote } = await connected(protocol)
    const got = new SocketRecorder(remote)
    transport.write(Buffer.alloc(70_000))
    await protocol.lost()
    await got.over
    expect(protocol.recording.count("pause")).toBe(5)
    expect(got.bytes).toBe(350_000)
  })

  it("sends a copy: the caller may reuse its buffer", async () => {
    const { transport, protocol, remote } = await connected()
    const got = new SocketRecorder(remote)
    const buffer = Buffer.alloc(300_000, "a")
    transport.write(buffer)
    buffer.fill("b")
    transport.write(buffer.subarray(0, 3))
    buffer.fill("c")
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    expect(got.data.equals(Buffer.concat([Buffer.alloc(300_000, "a"), Buffer.from("bbb")]))).toBe(true)
  })

  it("takes any bytes, and nothing but bytes", async () => {
    const { transport, protocol, remote } = await connected()
    const got = new SocketRecorder(remote)
    const all = Uint8Array.from({ length: 256 }, (_, value) => value)
    transport.write(all)
    transport.write(new Uint8Array(0))
    for (const wrong of ["text", 7, null, [1, 2], new ArrayBuffer(3)]) {
      expect(() => transport.write(wrong as unknown as Uint8Array)).toThrow(TypeError)
    }
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    expect(got.data).toEqual(Buffer.from(all))
  })

  it("writes every element of any iterable with writelines, and pauses in it", async () => {
    const { transport, protocol, remote } = await connected()
    const got = new SocketRecorder(remote)
    transport.writelines([])
    transport.writelines([Buffer.from("a"), Buffer.alloc(0), new Uint8Array([98])])
    transport.writelines(new Set([Buffer.from("c")]))
    expect(protocol.recording.count("pause")).toBe(0)
    transport.writelines(
      (function* () {
        yield Buffer.from("d")
        yield Buffer.alloc(70_000, "e")
      })(),
    )
    expect(protocol.recording.count("pause")).toBe(1)
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    expect(got.data.toString()).toBe(`abcd${"e".repeat(70_000)}`)
  })
})

describe("the end of writing", () => {
  it("flushes everything before a close, then is lost with null", async () => {
    const { transport, protocol, remote } = await connected()
    transport.write(BIG)
    transport.close()
    expect(transport.isClosing()).toBe(true)
    expect(protocol.recording.events).not.toContain("lost")
    const got = new SocketRecorder(remote)
    expect(await protocol.lost()).toBeNull()
    await got.over
    expect(got.data.equals(BIG)).toBe(true)
    transport.close()
    transport.abort()
  })

  it("drops what is not out on abort, is lost with null, and resumes nobody", async () => {
    const { transport, protocol, remote } = await connected()
    transport.write(BIG)
    transport.abort()
    expect(transport.isClosing()).toBe(true)
    expect(transport.getWriteBufferSize()).toBe(0)
    expect(protocol.recording.events).not.toContain("lost")
    expect(await protocol.lost()).toBeNull()
    expect(protocol.recording.events).toEqual(["made", "pause", "lost"])
    const got = new SocketRecorder(remote)
    await got.over
    expect(got.bytes).toBeLessThan(BIG.length)
    transport.abort()
  })

  it("drops the rest when an abort follows a close", async () => {
    const { transport, protocol } = await connected()
    transport.write(BIG)
    transport.close()
    transport.abort()
    expect(await protocol.lost()).toBeNull()
    expect(protocol.recording.count("lost")).toBe(1)
  })

  it("drops writes after close and after the end, without a word", async () => {
    const { transport, protocol, remote, reports } = await connected()
    const got = new SocketRecorder(remote)
    transport.write(Buffer.from("before"))
    transport.close()
    transport.write(Buffer.from("after"))
    transport.writelines([Buffer.from("after")])
    transport.writeEof()
    await Promise.all([protocol.lost(), got.over])
    transport.write(Buffer.from("late"))
    transport.pauseReading()
    transport.resumeReading()
    transport.setWriteBufferLimits({ highBytes: 0 })
    expect(got.data.toString()).toBe("before")
    expect(reports).toEqual([])
  })

  it("half-closes after flushing, goes on reading, and refuses further writes", async () => {
    const { transport, protocol, remote } = await connected()
    transport.write(BIG)
    transport.writeEof()
    transport.writeEof()
    expect(transport.canWriteEof()).toBe(true)
    expect(transport.isClosing()).toBe(false)
    for (const bytes of [Buffer.from("x"), Buffer.alloc(0)]) {
      expect(() => transport.write(bytes)).toThrow(expect.objectContaining({ name: "TransportClosed" }))
    }
    expect(() => transport.writelines([Buffer.from("x")])).toThrow()
    const got = new SocketRecorder(remote)
    await once(remote, "end")
    expect(got.data.equals(BIG)).toBe(true)
    remote.end("answer")
    await protocol.received(6)
    expect(await protocol.lost()).toBeNull()
    expect(protocol.data.toString()).toBe("answer")
  })

  it("tells why when the remote resets the connection", async () => {
    const { protocol, remote } = await connected()
    remote.resetAndDestroy()
    const error = await protocol.lost()
    expect(isRpcError(error, "TransportBroken") && error.errno).toBe("ECONNRESET")
    expect(protocol.recording.events).toEqual(["made", "lost"])
  })
})
