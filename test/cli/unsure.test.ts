/** What may have to be sent again: by offset, across the pieces that it was sent in. */
import { expect, test } from "vitest"
import { Unsure } from "../../cli/unsure.ts"

function left(unsure: Unsure): string {
  return Buffer.concat([...unsure.chunks]).toString()
}

test("it keeps what stands behind an offset, also within a chunk", () => {
  const unsure = new Unsure(true)
  for (const chunk of ["one", "two", "three"]) unsure.push(Buffer.from(chunk))
  for (const [offset, rest] of [
    [0, "onetwothree"],
    [3, "twothree"],
    [4, "wothree"],
    [2, "wothree"],
    [6, "three"],
    [10, "e"],
    [11, ""],
  ] as const) {
    unsure.forget(offset)
    expect([offset, left(unsure), unsure.bytes, unsure.to]).toEqual([offset, rest, rest.length, 11])
  }
  unsure.push(Buffer.from("four"))
  unsure.forget(13)
  expect(left(unsure)).toBe("ur")
})

test("it keeps nothing that can never be sent again, and counts it", () => {
  const unsure = new Unsure(false)
  unsure.push(Buffer.from("one"))
  expect([left(unsure), unsure.bytes, unsure.to]).toEqual(["", 0, 3])
})
