/** Outflow into a stream that takes its time, as sockets do: what was put comes out, whatever becomes of its memory. */
import { Writable } from "node:stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Outflow, type Direct } from "../../protocol/outflow.ts"
import { pattern } from "../support/random.ts"

/** A stream that, like a socket, looks at what it was given until it says that it is written, and not later. */
class Slow extends Writable {
  readonly taken: Buffer[] = []
  #waiting: Array<() => void> = []
  /** Whether the system has room, so that a write is over in its call. */
  hasRoom = true

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.taken.push(Buffer.from(chunk))
      done()
    }
    if (this.hasRoom) take()
    else this.#waiting.push(take)
  }

  makeRoom(): void {
    for (const take of this.#waiting.splice(0)) take()
  }
}

/** How much the system takes in the call, of `first` and `second` together; and none while the stream is not done. */
function directly(stream: Slow, mostBytes: () => number): Direct {
  return {
    write(first, second = Buffer.alloc(0)) {
      if (stream.writableLength > 0 || !stream.hasRoom || !stream.writable) return 0
      const taken = Buffer.concat([first, second]).subarray(0, mostBytes())
      if (taken.length > 0) stream.taken.push(Buffer.from(taken))
      return taken.length
    },
  }
}

const SYSTEMS = {
  "a stream that may hold memory": () => undefined,
  "a socket that takes nothing in the call": (stream: Slow) => directly(stream, () => 0),
  "a socket that takes all in the call": (stream: Slow) => directly(stream, () => Infinity),
  "a socket that takes some in the call": (stream: Slow) => {
    let calls = 0
    return directly(stream, () => [50, 0, 9000, 100_000][calls++ % 4] as number)
  },
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const step = fc.oneof(
  fc.record({ put: fc.oneof(fc.nat(300), fc.nat(70_000), fc.nat(400_000)) }),
  fc.record({ text: fc.oneof(fc.string({ unit: "binary" }), fc.constant("é".repeat(100_000))) }),
  fc.constant("flush" as const),
  fc.constant("full" as const),
  fc.constant("room" as const),
)

describe.each(Object.entries(SYSTEMS))("what goes into %s", (_, directOf) => {
  it("comes out in order, and leaves the memory that it came from alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const stream = new Slow({ highWaterMark: 1 })
        const outflow = new Outflow(stream, { direct: directOf(stream) })
        const expected: Buffer[] = []
        for (const [index, each] of steps.entries()) {
          if (each === "flush") outflow.flush()
          else if (each === "full" || each === "room") {
            stream.hasRoom = each === "room"
            if (stream.hasRoom) stream.makeRoom()
            outflow.reclaim()
            await turn()
          } else if ("put" in each) {
            const bytes = pattern(each.put, index + 1)
            expected.push(Buffer.from(bytes))
            outflow.putBytes(bytes)
            bytes.fill(0)
          } else {
            expected.push(Buffer.from(each.text))
            outflow.putText(each.text, Buffer.byteLength(each.text))
          }
        }
        const pendingBytes = expected.reduce((sum, { length }) => sum + length, 0)
        expect(outflow.pendingBytes + stream.taken.reduce((sum, { length }) => sum + length, 0)).toBe(pendingBytes)
        outflow.flush()
        stream.hasRoom = true
        while (stream.writableLength > 0) {
          stream.makeRoom()
          await turn()
        }
        expect(outflow.pendingBytes).toBe(0)
        expect(Buffer.concat(stream.taken).equals(Buffer.concat(expected))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it("is dropped when the stream has ended", () => {
    const stream = new Slow()
    const outflow = new Outflow(stream, { direct: directOf(stream) })
    outflow.putText("late", 4)
    stream.destroy()
    outflow.flush()
    expect([outflow.pendingBytes, stream.taken]).toEqual([0, []])
  })
})

it("small pieces of many streams in one turn need no memory beside their own", () => {
  const before = process.memoryUsage().arrayBuffers
  const outflows = Array.from({ length: 1000 }, () => {
    const stream = new Slow()
    return new Outflow(stream, { direct: directly(stream, () => 0) })
  })
  for (const outflow of outflows) outflow.putBytes(Buffer.alloc(64))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1000 * 1024)
  for (const outflow of outflows) outflow.flush()
})
