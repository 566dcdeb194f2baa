/**
 * What every stream transport does, whatever carries its bytes: one suite, run by each maker.
 * Looks at the transport's own interface (`daemon/transports/transport.ts`), below ids, clients and JSON-RPC.
 * Events are recorded and checked against their grammar: data* eof? lost, and none from inside a method call.
 */
import type { Duplex } from "node:stream"
import { afterEach, describe, expect, test } from "vitest"
import type { StreamEvents, StreamTransport } from "../../daemon/transports/transport.ts"
import { pattern } from "../support/random.ts"
import { Recording } from "./recording.ts"

/** A transport under test and the plain stream at its other end. */
export interface Made {
  readonly transport: StreamTransport
  readonly remote: Duplex
}

export interface Maker {
  readonly name: string
  make(events: StreamEvents): Promise<Made>
  /** Ends the remote so that the transport sees an error. Absent: this kind knows no reset. */
  reset?(remote: Duplex): void
  /** Called after each test. */
  cleanup(): Promise<void>
  /** Behaviours that this kind cannot have, by test name, each with the reason. */
  readonly skips: Readonly<Record<string, string>>
}

const EIGHT_MIB = 8 * 1024 * 1024

/** Lets everything happen that could: many turns, in each of which the system is asked. */
async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function collect(remote: Duplex): { bytes(): Buffer; over: Promise<void> } {
  const chunks: Buffer[] = []
  remote.on("data", (chunk: Buffer) => chunks.push(chunk))
  const over = new Promise<void>((resolve) => remote.once("end", () => resolve()).once("close", () => resolve()))
  remote.resume()
  return { bytes: () => Buffer.concat(chunks), over }
}

export function streamContract(maker: Maker): void {
  let record: Recording
  let made: Made

  const behaviour = (name: string, run: () => Promise<void>): void => {
    const reason = maker.skips[name]
    test.skipIf(reason !== undefined)(
      reason === undefined ? name : `${name} (skipped: ${reason})`,
      async () => {
        record = new Recording()
        made = await maker.make(record)
        made.remote.on("error", () => {})
        await run()
        // Whatever comes late comes here.
        await turns()
        expect(record.flaws).toEqual([])
        expect(record.count("lost")).toBeLessThanOrEqual(1)
      },
      5_000,
    )
  }
  const call = <Result>(action: (transport: StreamTransport) => Result): Result =>
    record.call(() => action(made.transport))

  describe(`a stream transport over ${maker.name}`, () => {
    afterEach(() => maker.cleanup())

    behaviour("delivers data in order, and all of it before the end", async () => {
      const bytes = pattern(3_000_000)
      call((transport) => transport.resumeReading())
      made.remote.end(bytes)
      await record.until(() => record.count("eof") === 1)
      expect(record.received.equals(bytes)).toBe(true)
      expect(made.transport.isClosing).toBe(false)
      call((transport) => transport.close())
      expect(await record.untilLost()).toBeNull()
    })

    behaviour("reads nothing before it is asked to", async () => {
      made.remote.write("hello")
      await turns()
      expect(record.events).toEqual([])
      call((transport) => transport.resumeReading())
      await record.until(() => record.bytes === 5)
    })

    behaviour("reports nothing while paused: data first, then the end, after resumeReading", async () => {
      call((transport) => transport.resumeReading())
      made.remote.write("one")
      await record.until(() => record.bytes === 3)
      call((transport) => transport.pauseReading())
      call((transport) => transport.pauseReading())
      made.remote.end("two")
      await turns()
      expect(record.events).toEqual(["data"])
      call((transport) => transport.resumeReading())
      await record.until(() => record.count("eof") === 1)
      expect(record.received.toString()).toBe("onetwo")
      call((transport) => transport.pauseReading())
      call((transport) => transport.resumeReading())
      await turns()
      expect(record.count("eof")).toBe(1)
    })

    behaviour("pauses from inside data, and gives no more of it", async () => {
      const data = record.data.bind(record)
      record.data = (chunk) => {
        data(chunk)
        made.transport.pauseReading()
      }
      call((transport) => transport.resumeReading())
      made.remote.write(Buffer.alloc(2_000_000))
      await record.until(() => record.count("data") === 1)
      await turns()
      expect(record.count("data")).toBe(1)
    })

    behaviour("stops its remote while paused", async () => {
      let drained = 0
      made.remote.on("drain", () => drained++)
      for (let at = 0; at < 64; at++) made.remote.write(Buffer.alloc(1_048_576))
      await turns()
      expect(record.events).toEqual([])
      expect(made.remote.writableLength).toBeGreaterThan(0)
      expect(drained).toBe(0)
      call((transport) => transport.abort())
      await record.untilLost()
    })

    behaviour("writes in order, reports all of it flushed once, and then not again", async () => {
      const got = collect(made.remote)
      const bytes = pattern(3_000_000)
      for (let at = 0; at < bytes.length; at += 70_001)
        call((transport) => transport.write(bytes.subarray(at, at + 70_001)))
      call((transport) => transport.write(new Uint8Array(0)))
      await record.until(() => record.flushedBytes === bytes.length)
      call((transport) => transport.close())
      await got.over
      expect(got.bytes().equals(bytes)).toBe(true)
      await record.untilLost()
      expect(record.flushedBytes).toBe(bytes.length)
    })

    behaviour("close flushes 8 MiB to a slow reader before it is lost, and then it is lost in peace", async () => {
      call((transport) => transport.write(Buffer.alloc(EIGHT_MIB, "x")))
      call((transport) => transport.close())
      expect(made.transport.isClosing).toBe(true)
      await turns()
      expect(record.count("lost")).toBe(0)
      const got = collect(made.remote)
      await got.over
      expect(got.bytes().length).toBe(EIGHT_MIB)
      expect(await record.untilLost()).toBeNull()
      expect(record.flushedBytes).toBe(EIGHT_MIB)
    })

    behaviour("abort drops what was not flushed, and is lost in peace at once", async () => {
      call((transport) => transport.write(Buffer.alloc(64 * 1024 * 1024)))
      call((transport) => transport.abort())
      expect(await record.untilLost()).toBeNull()
      expect(record.flushedBytes).toBeLessThan(64 * 1024 * 1024)
      const got = collect(made.remote)
      await got.over
      expect(got.bytes().length).toBeLessThan(64 * 1024 * 1024)
    })

    behaviour("abort ends a close that is still flushing", async () => {
      call((transport) => transport.write(Buffer.alloc(64 * 1024 * 1024)))
      call((transport) => transport.close())
      await turns(5)
      expect(record.count("lost")).toBe(0)
      call((transport) => transport.abort())
      expect(await record.untilLost()).toBeNull()
    })

    behaviour("delivers no data after close or abort", async () => {
      call((transport) => transport.resumeReading())
      made.remote.write("before")
      await record.until(() => record.bytes === 6)
      made.remote.write("after")
      call((transport) => transport.close())
      made.remote.write("later")
      await record.untilLost()
      expect(record.received.toString()).toBe("before")
      expect(record.count("eof")).toBe(0)
    })

    behaviour("writeEof ends the writing side behind the bytes, and reading goes on", async () => {
      const got = collect(made.remote)
      call((transport) => transport.resumeReading())
      call((transport) => transport.write(Buffer.alloc(2_000_000, "x")))
      call((transport) => transport.writeEof())
      call((transport) => transport.writeEof())
      expect(made.transport.wroteEof).toBe(true)
      expect(made.transport.isClosing).toBe(false)
      await got.over
      expect(got.bytes().length).toBe(2_000_000)
      made.remote.write("answer")
      await record.until(() => record.bytes === 6)
      expect(record.count("lost")).toBe(0)
      call((transport) => transport.close())
      expect(await record.untilLost()).toBeNull()
    })

    behaviour("after the remote's end it stays open for writing until it is closed", async () => {
      const got = collect(made.remote)
      call((transport) => transport.resumeReading())
      made.remote.end()
      await record.until(() => record.count("eof") === 1)
      await turns()
      expect(record.count("lost")).toBe(0)
      call((transport) => transport.write(Buffer.from("still here")))
      call((transport) => transport.close())
      await got.over
      expect(got.bytes().toString()).toBe("still here")
      expect(await record.untilLost()).toBeNull()
    })

    behaviour("when both sides have ended it is not lost before it is closed", async () => {
      made.remote.resume()
      call((transport) => transport.resumeReading())
      made.remote.end()
      await record.until(() => record.count("eof") === 1)
      call((transport) => transport.writeEof())
      await turns()
      expect(record.count("lost")).toBe(0)
      call((transport) => transport.close())
      expect(await record.untilLost()).toBeNull()
    })

    behaviour("drops what is written after writeEof, close or the loss", async () => {
      const got = collect(made.remote)
      call((transport) => transport.write(Buffer.from("yes")))
      call((transport) => transport.writeEof())
      call((transport) => transport.write(Buffer.from("no")))
      await got.over
      call((transport) => transport.close())
      call((transport) => transport.write(Buffer.from("no")))
      await record.untilLost()
      call((transport) => transport.write(Buffer.from("no")))
      call((transport) => transport.writeEof())
      expect(got.bytes().toString()).toBe("yes")
      expect(record.flushedBytes).toBe(3)
    })

    behaviour("a reset is lost once, with its error", async () => {
      call((transport) => transport.resumeReading())
      maker.reset?.(made.remote)
      expect(await record.untilLost()).toMatchObject({ code: "ECONNRESET" })
      expect(record.count("eof")).toBe(0)
    })

    behaviour("writing to a remote that is gone is lost once, with an error", async () => {
      maker.reset?.(made.remote)
      call((transport) => transport.write(Buffer.alloc(1_000_000)))
      call((transport) => transport.write(Buffer.alloc(1_000_000)))
      expect(await record.untilLost()).toBeInstanceOf(Error)
    })

    const ends: { readonly [Way in string]: () => void } = {
      close: () => call((transport) => transport.close()),
      abort: () => call((transport) => transport.abort()),
      writeEof: () => call((transport) => transport.writeEof()),
      "remote end": () => void made.remote.end(),
      "remote destroy": () => void made.remote.destroy(),
      reset: () => (maker.reset === undefined ? made.remote.destroy() : maker.reset(made.remote)),
    }
    const orders = Object.keys(ends).flatMap((one) => Object.keys(ends).map((two) => [one, two] as const))

    for (const [one, two] of orders) {
      for (const between of [0, 3]) {
        behaviour(`is lost exactly once after ${one}, ${between} turns, ${two}, close`, async () => {
          call((transport) => transport.resumeReading())
          call((transport) => transport.write(Buffer.alloc(100_000)))
          made.remote.resume()
          made.remote.write("x")
          ends[one]?.()
          await turns(between)
          ends[two]?.()
          await turns(between)
          call((transport) => transport.close())
          call((transport) => transport.close())
          await record.untilLost()
          call((transport) => transport.abort())
          expect(made.transport.isClosing).toBe(true)
        })
      }
    }
  })
}
