/** asyncio's water marks, number by number. */
import { expect, test } from "vitest"
import { WaterMarks } from "../../protocol/waterMarks.ts"

const both = ({ highBytes, lowBytes }: WaterMarks): number[] => [highBytes, lowBytes]

test.each([
  ["neither", undefined, undefined, [65_536, 16_384]],
  ["high alone", 1000, undefined, [1000, 250]],
  ["high alone, which does not divide", 1003, undefined, [1003, 250]],
  ["low alone", undefined, 16_385, [65_540, 16_385]],
  ["both", 1000, 1000, [1000, 1000]],
  ["zero", 0, undefined, [0, 0]],
  ["low zero", 1000, 0, [1000, 0]],
] as const)("given %s, the marks are asyncio's", (_what, high, low, wanted) => {
  expect(both(new WaterMarks(high, low))).toEqual(wanted)
})

test.each([
  [5, 6],
  [0, 1],
  [-1, undefined],
  [undefined, -1],
  [10, -1],
] as const)("high %s with low %s is refused, and the marks stay", (high, low) => {
  const marks = new WaterMarks(2000, 1000)
  expect(() => marks.set(high, low)).toThrow(expect.objectContaining({ code: -32602 }))
  expect(both(marks)).toEqual([2000, 1000])
})

test("over is strictly over high, drained is at or under low", () => {
  const marks = new WaterMarks(1000, 100)
  expect([999, 1000, 1001].map((bytes) => marks.isOver(bytes))).toEqual([false, false, true])
  expect([99, 100, 101].map((bytes) => marks.isDrained(bytes))).toEqual([true, true, false])
})

test("marks of zero pause at the first byte and resume at none", () => {
  const marks = new WaterMarks(0)
  expect([marks.isOver(0), marks.isOver(1), marks.isDrained(1), marks.isDrained(0)]).toEqual([false, true, false, true])
})
