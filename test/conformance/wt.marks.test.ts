/** WriteTransport: the water marks and the two callbacks that they control. */
import { expect } from "vitest"
import { barrier, Recorder } from "../client/library.ts"
import { Recorder as RemoteRecorder } from "../support/peers.ts"
import { setupKinds, WRITABLE } from "./kinds.ts"
import { proves, provesFor } from "./rows.ts"

const { connected, writing } = setupKinds()

const DEFAULTS = { lowBytes: 16_384, highBytes: 65_536 }

/** Notes how much was buffered whenever writing was paused or resumed. */
class Gauge extends Recorder {
  readonly paused: number[] = []
  readonly resumed: number[] = []

  constructor() {
    super({
      pauseWriting: () => this.paused.push(this.transport!.getWriteBufferSize()),
      resumeWriting: () => this.resumed.push(this.transport!.getWriteBufferSize()),
    })
  }
}

provesFor("WT-7", WRITABLE, "getWriteBufferLimits() gives asyncio's numbers, 8 times as much for TLS", async (kind) => {
  const { transport } = await writing(kind, new Recorder())
  const defaults = kind === "tls" ? { lowBytes: 131_072, highBytes: 524_288 } : DEFAULTS
  expect(transport.getWriteBufferLimits()).toEqual(defaults)
})

provesFor("WT-8", WRITABLE, "what was set is given, and the defaults come back when nothing is set", async (kind) => {
  const { transport } = await writing(kind, new Recorder())
  const defaults = transport.getWriteBufferLimits()
  transport.setWriteBufferLimits({ highBytes: 1_000, lowBytes: 100 })
  expect(transport.getWriteBufferLimits()).toEqual({ highBytes: 1_000, lowBytes: 100 })
  transport.setWriteBufferLimits()
  expect(transport.getWriteBufferLimits()).toEqual(defaults)
})

provesFor(
  "WT-9",
  WRITABLE,
  "the marks decide when writing pauses and resumes, for each transport apart",
  async (kind) => {
    const { transport, protocol, remote } = await writing(kind, new Gauge())
    const other = await writing(kind, new Gauge())
    transport.setWriteBufferLimits({ highBytes: 1_000, lowBytes: 100 })
    for (const each of [transport, other.transport]) each.write(Buffer.alloc(1_001))
    expect([protocol.paused, other.protocol.paused]).toEqual([[1_001], []])
    const got = new RemoteRecorder(remote)
    await got.until(1_001)
    await protocol.recording.heard("resume")
    expect(protocol.resumed).toHaveLength(1)
    expect(protocol.resumed[0]).toBeLessThanOrEqual(100)
  },
)

provesFor("WT-10", WRITABLE, "a low mark over the high one is refused, and changes nothing", async (kind) => {
  const { transport } = await writing(kind, new Recorder())
  const before = transport.getWriteBufferLimits()
  for (const limits of [
    { highBytes: 5, lowBytes: 6 },
    { highBytes: 0, lowBytes: 1 },
  ]) {
    expect(() => transport.setWriteBufferLimits(limits)).toThrow(expect.objectContaining({ name: "InvalidParams" }))
  }
  expect(transport.getWriteBufferLimits()).toEqual(before)
})

provesFor("WT-11", WRITABLE, "a negative mark is refused, and changes nothing", async (kind) => {
  const { transport } = await writing(kind, new Recorder())
  const before = transport.getWriteBufferLimits()
  for (const limits of [{ highBytes: -1 }, { lowBytes: -1 }, { highBytes: 5, lowBytes: -1 }]) {
    expect(() => transport.setWriteBufferLimits(limits)).toThrow(expect.objectContaining({ name: "InvalidParams" }))
  }
  expect(transport.getWriteBufferLimits()).toEqual(before)
})

provesFor("WT-12", WRITABLE, "pauseWriting comes strictly over the high mark, once", async (kind) => {
  const { transport, protocol } = await writing(kind, new Gauge())
  transport.write(Buffer.alloc(500))
  const size = transport.getWriteBufferSize()
  transport.setWriteBufferLimits({ highBytes: size })
  expect(protocol.paused).toEqual([])
  transport.setWriteBufferLimits({ highBytes: size - 1 })
  expect(protocol.paused).toEqual([size])
  transport.write(Buffer.alloc(1))
  transport.setWriteBufferLimits({ highBytes: 0 })
  expect(protocol.paused).toEqual([size])
  await protocol.recording.heard("resume")
})

proves("WT-13", "resumeWriting comes at exactly the low mark, not one byte above", async () => {
  // The daemon says what the system has taken: its word is played here, so that the edge can be met to the byte.
  const { client, transport, protocol } = await connected("tcp", new Gauge())
  transport.setWriteBufferLimits({ highBytes: 1_000, lowBytes: 100 })
  transport.write(Buffer.alloc(1_001))
  const flushed = (offset: number): void => (transport as unknown as Flushing).flushed(offset)
  flushed(900)
  expect([transport.getWriteBufferSize(), protocol.resumed]).toEqual([101, []])
  flushed(901)
  expect(protocol.resumed).toEqual([100])
  while (transport.getWriteBufferSize() > 0) await barrier(client)
  expect(protocol.recording.events).toEqual(["made", "pause", "resume"])
})

interface Flushing {
  flushed(offset: number): void
}

provesFor("WT-14", WRITABLE, "a transport for which nothing was set pauses over its default", async (kind) => {
  const { transport, protocol } = await writing(kind, new Gauge())
  const { highBytes } = transport.getWriteBufferLimits()
  transport.write(Buffer.alloc(highBytes))
  expect(protocol.paused).toEqual([])
  transport.write(Buffer.alloc(1))
  expect(protocol.paused).toEqual([highBytes + 1])
  transport.abort()
  await protocol.lost()
})

proves("WT-15", "high alone makes low a quarter of it; low alone makes high four times as much", async () => {
  const { transport } = await connected("tcp", new Recorder())
  transport.setWriteBufferLimits({ highBytes: 1_001 })
  expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 250, highBytes: 1_001 })
  transport.setWriteBufferLimits({ lowBytes: 16_385 })
  expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 16_385, highBytes: 65_540 })
})

provesFor("WT-16", WRITABLE, "a high mark of 0 pauses on the first byte, not while there is none", async (kind) => {
  const { client, transport, protocol } = await writing(kind, new Gauge())
  transport.setWriteBufferLimits({ highBytes: 0 })
  await barrier(client)
  expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 0, highBytes: 0 })
  expect(protocol.recording.events).toEqual(["made"])
  transport.write(Buffer.from("x"))
  expect(protocol.paused).toEqual([1])
  await protocol.recording.heard("resume")
  expect(protocol.resumed).toEqual([0])
})

provesFor("WT-17", WRITABLE, "a low mark of 0 resumes only when nothing is left", async (kind) => {
  const { transport, protocol, remote } = await writing(kind, new Gauge())
  transport.setWriteBufferLimits({ highBytes: 1_000, lowBytes: 0 })
  transport.write(Buffer.alloc(3_000_000))
  expect(protocol.paused).toEqual([3_000_000])
  const got = new RemoteRecorder(remote)
  await protocol.recording.heard("resume")
  expect(protocol.resumed).toEqual([0])
  await got.until(3_000_000)
})
