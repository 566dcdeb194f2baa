/** Credit by absolute offset: no order of sends and reports makes the sender exceed its window or stall for ever. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Consumption, SendWindow } from "../../protocol/window.ts"

describe("a send window", () => {
  test("grants its size at first, and as much again as is acknowledged", () => {
    const window = new SendWindow(100)
    expect(window.available).toBe(100)
    window.send(60)
    expect([window.available, window.outstanding]).toEqual([40, 60])
    window.acknowledge(50)
    expect([window.available, window.outstanding, window.acknowledged]).toEqual([90, 10, 50])
  })

  test("takes no harm from reports that are late, repeated, or beyond what was sent", () => {
    const window = new SendWindow(100)
    window.send(80)
    for (const offset of [50, 50, 20, 0]) window.acknowledge(offset)
    expect(window.acknowledged).toBe(50)
    window.acknowledge(1_000_000)
    expect([window.acknowledged, window.available]).toEqual([80, 100])
  })

  test("grants nothing, not less than nothing, after it shrank", () => {
    const window = new SendWindow(100)
    window.send(100)
    window.windowBytes = 10
    expect(window.available).toBe(0)
    window.acknowledge(95)
    expect(window.available).toBe(5)
  })

  test("begins at the offset where the last owner stopped", () => {
    expect(new SendWindow(100, 5000, 4970).available).toBe(70)
    const window = new SendWindow(100, 5000)
    window.acknowledge(4000)
    expect([window.sent, window.acknowledged, window.available]).toEqual([5000, 5000, 100])
  })

  test("grants without a bound when it is infinite", () => {
    const window = new SendWindow(Number.POSITIVE_INFINITY)
    window.send(1e12)
    expect(window.available).toBe(Number.POSITIVE_INFINITY)
  })

  test("never lets more out than its size, whatever is reported when", () => {
    const step = fc.oneof(fc.record({ send: fc.nat(300) }), fc.record({ acknowledge: fc.nat(3000) }))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(step, { maxLength: 100 }), (windowBytes, steps) => {
        const window = new SendWindow(windowBytes)
        for (const each of steps) {
          if ("send" in each) window.send(Math.min(each.send, window.available))
          else window.acknowledge(each.acknowledge)
          expect(window.outstanding).toBeLessThanOrEqual(windowBytes)
          expect(window.outstanding).toBeGreaterThanOrEqual(0)
          expect(window.available + window.outstanding).toBe(windowBytes)
        }
      }),
    )
  })
})

describe("a consumption", () => {
  test("reports at half of the window, and then at the next half", () => {
    const consumption = new Consumption(50)
    expect(consumption.consume(49)).toBeNull()
    expect(consumption.consume(1)).toBe(50)
    expect(consumption.consume(49)).toBeNull()
    expect(consumption.consume(100)).toBe(199)
    expect(consumption.offset).toBe(199)
  })

  test("keeps a sender with the same window going, whatever its pieces", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 200 })),
        (windowBytes, pieces) => {
          const window = new SendWindow(windowBytes)
          const consumption = new Consumption(Math.floor(windowBytes / 2))
          for (const piece of pieces.take(200)) {
            // A sender that runs dry here would never be told to go on.
            expect(window.available).toBeGreaterThan(0)
            const bytes = Math.min(piece, window.available)
            window.send(bytes)
            const report = consumption.consume(bytes)
            if (report !== null) window.acknowledge(report)
          }
        },
      ),
    )
  })
})
