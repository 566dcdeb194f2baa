/** Buffered streaming protocols: `getBuffer` and `bufferUpdated`. */
import { expect } from "vitest"
import type { BufferedProtocol, Transport } from "transportd/client"
import { barrier, BufferedRecorder, Recorder } from "../client/library.ts"
import { pattern } from "../support/random.ts"
import { HALF_CLOSING, READABLE, setupKinds } from "./kinds.ts"
import { proves, provesFor, skipped } from "./rows.ts"

const { connected, reading } = setupKinds()

const BIG = pattern(1024 * 1024)

provesFor("BP-1", READABLE, "a buffered protocol gets all bytes in order", async (kind) => {
  const { protocol, remote } = await reading(kind, new BufferedRecorder(() => new Uint8Array(10_000)))
  remote.end(BIG)
  remote.resume()
  await protocol.recording.heard("lost")
  expect(protocol.data.equals(BIG)).toBe(true)
  expect(protocol.error).toBeNull()
})

proves("BP-2", "the very buffer that was given holds the bytes, from its start each time", async () => {
  const buffer = Buffer.alloc(4, ".")
  const seen: string[] = []
  const protocol = new BufferedRecorder(
    () => buffer,
    () => seen.push(buffer.toString()),
  )
  const { remote } = await connected("tcp", protocol)
  remote.write("abcdef")
  await protocol.received(6)
  expect(seen.at(0)).toBe("abcd")
  expect(seen.at(-1)).toBe("efcd")
})

skipped("BP-3", "a permission for the loop; there is nothing to observe")

provesFor("BP-4", READABLE, "getBuffer is called before each bufferUpdated", async (kind) => {
  const { protocol, remote } = await reading(kind, new BufferedRecorder(() => Buffer.alloc(3)))
  remote.end("abcdefg")
  remote.resume()
  await protocol.recording.heard("lost")
  const calls = protocol.recording.events.filter((event) => !/made|eof|lost/.test(event))
  expect(calls.length).toBeGreaterThanOrEqual(6)
  expect(calls.join(" ")).toMatch(/^(get \d+ ?)+$/)
})

proves("BP-5", "a buffer of 3 gets 7 bytes as 3, 3 and 1; a larger one gets them at once", async () => {
  for (const [size, pieces] of [
    [3, [3, 3, 1]],
    [1_048_576, [7]],
  ] as const) {
    const { protocol, remote } = await connected("tcp", new BufferedRecorder(() => Buffer.alloc(size)))
    remote.write("abcdefg")
    await protocol.received(7)
    expect(protocol.data.toString()).toBe("abcdefg")
    expect(protocol.sizes).toEqual(pieces)
  }
})

provesFor("BP-6", READABLE, "the size hint is -1 or the number of bytes that are there", async (kind) => {
  const hints: number[] = []
  const protocol = new BufferedRecorder((sizeHint) => {
    hints.push(sizeHint)
    return Buffer.alloc(1_000_000)
  })
  const { remote } = await reading(kind, protocol)
  remote.end("some bytes")
  remote.resume()
  await protocol.recording.heard("lost")
  expect(hints.length).toBeGreaterThan(0)
  expect(hints.every((hint) => hint === -1 || hint > 0)).toBe(true)
})

provesFor(
  "BP-7",
  READABLE,
  "an empty buffer ends the transport with that error, and the bytes are lost",
  async (kind) => {
    const { protocol, remote, reports } = await reading(kind, new BufferedRecorder(() => Buffer.alloc(0)))
    remote.write("x")
    remote.resume()
    await protocol.recording.heard("lost")
    expect(protocol.error?.message).toBe("getBuffer() returned an empty buffer")
    expect(reports.map(({ error }) => error)).toEqual([protocol.error])
    expect(protocol.filled).toEqual([])
  },
)

proves("BP-8", "what is no buffer ends the transport with a TypeError", async () => {
  for (const wrong of [null, undefined, "text", [1, 2, 3], 7]) {
    const protocol = new BufferedRecorder(() => wrong as unknown as Uint8Array)
    const { remote, reports } = await connected("tcp", protocol)
    remote.write("x")
    await protocol.recording.heard("lost")
    expect(protocol.error).toBeInstanceOf(TypeError)
    expect(reports).toHaveLength(1)
  }
})

proves("BP-9", "bufferUpdated is called once for each fill, when the bytes are in place", async () => {
  let buffer = Buffer.alloc(0)
  const fills: string[] = []
  class Whole implements BufferedProtocol {
    connectionMade(_transport: Transport): void {}
    getBuffer(): Uint8Array {
      buffer = Buffer.alloc(5)
      return buffer
    }
    bufferUpdated(bytes: number): void {
      fills.push(buffer.subarray(0, bytes).toString())
      if (fills.join("").length === 10) filled()
    }
  }
  let filled = (): void => {}
  const all = new Promise<void>((resolve) => (filled = resolve))
  const { remote } = await connected("tcp", new Whole())
  remote.write("helloworld")
  await all
  expect(fills).toEqual(["hello", "world"])
})

provesFor("BP-10", READABLE, "the counts are over 0, at most the buffer, and add up", async (kind) => {
  const { protocol, remote } = await reading(kind, new BufferedRecorder(() => Buffer.alloc(1_000)))
  remote.end(BIG.subarray(0, 54_321))
  remote.resume()
  await protocol.recording.heard("lost")
  expect(protocol.sizes.every((bytes) => bytes > 0 && bytes <= 1_000)).toBe(true)
  expect(protocol.sizes.reduce((sum, bytes) => sum + bytes, 0)).toBe(54_321)
})

provesFor("BP-11", HALF_CLOSING, "eofReceived decides as that of a Protocol does", async (kind) => {
  for (const keep of [true, false]) {
    const protocol: BufferedRecorder & { eofReceived(): unknown } = Object.assign(
      new BufferedRecorder(() => Buffer.alloc(100)),
      {
        eofReceived: () => {
          protocol.recording.hear("eof")
          return keep
        },
      },
    )
    const { client, transport, remote } = await connected(kind, protocol)
    remote.end("x")
    remote.resume()
    await protocol.recording.heard("eof")
    await barrier(client)
    expect(transport.isClosing()).toBe(!keep)
    transport.close()
    await protocol.recording.heard("lost")
    expect(protocol.recording.count("eof")).toBe(1)
  }
})

proves("BP-12", "getBuffer may be called any number of times, with buffers of any sizes", async () => {
  let size = 0
  const protocol = new BufferedRecorder(() => Buffer.alloc(++size))
  const { remote } = await connected("tcp", protocol)
  remote.end(BIG.subarray(0, 5_050))
  await protocol.recording.heard("lost")
  expect(protocol.data.equals(BIG.subarray(0, 5_050))).toBe(true)
  // Buffers of 1, 2, … n hold n (n + 1) / 2 bytes: 100 are needed at least.
  expect(protocol.sizes.length).toBeGreaterThanOrEqual(100)
})

provesFor("BP-13", READABLE, "after eofReceived neither getBuffer nor bufferUpdated is called", async (kind) => {
  const { protocol, remote } = await reading(kind, new BufferedRecorder(() => Buffer.alloc(100)))
  remote.end("abc")
  remote.resume()
  await protocol.recording.heard("lost")
  expect(protocol.recording.events.slice(-2)).toEqual(["eof", "lost"])
  expect(protocol.recording.count("eof")).toBe(1)
})

proves("BP-14", "the order holds when the protocol pauses, closes or is replaced between two fills", async () => {
  const paused: BufferedRecorder = new BufferedRecorder(
    () => Buffer.alloc(3),
    () => {
      paused.transport?.pauseReading()
      setImmediate(() => paused.transport?.resumeReading())
    },
  )
  const one = await connected("tcp", paused)
  one.remote.end("abcdefg")
  await paused.recording.heard("lost")
  expect(paused.recording.events.join(" ")).toMatch(/^made( get \d+)+ eof lost$/)
  expect(paused.data.toString()).toBe("abcdefg")

  const closed: BufferedRecorder = new BufferedRecorder(
    () => Buffer.alloc(3),
    () => closed.transport?.close(),
  )
  const two = await connected("tcp", closed)
  two.remote.write("abcdefg")
  await closed.recording.heard("lost")
  expect(closed.recording.events).toEqual(["made", "get", "3", "lost"])

  const next = new Recorder()
  next.recording.hear("made")
  const replaced: BufferedRecorder = new BufferedRecorder(
    () => Buffer.alloc(3),
    () => replaced.transport?.setProtocol(next),
  )
  const three = await connected("tcp", replaced)
  three.remote.end("abcdefg")
  await next.lost()
  expect([replaced.data.toString(), next.data.toString()]).toEqual(["abc", "defg"])
})
