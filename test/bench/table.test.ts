/** What the tables say of results, and how results come out of rounds. */
import { expect, it } from "vitest"
import { compare, growthOf, meets, ratio } from "../../bench/measure.ts"
import { interleaved, percentile } from "../../bench/statistics.ts"
import { reportOf } from "../../bench/table.ts"
import { results } from "./results.ts"

/** The cells of the line that begins with `start`. */
function lineOf(start: string): string[] {
  const line = reportOf(results)
    .split("\n")
    .find((each) => each.startsWith(`| ${start}`))
  return (line ?? "").split("|").map((cell) => cell.trim())
}

it("lets ways take turns, after one turn that does not count", async () => {
  const turns: string[] = []
  const gave = await interleaved(["a", "b"], 2, async (name) => turns.push(name))
  expect(turns.join("")).toBe("ababab")
  expect(gave).toEqual({ a: [3, 5], b: [4, 6] })
})

it("takes a percentile that was measured, not one between two", () => {
  expect(percentile([4, 1, 3, 2], 50)).toBe(2)
  expect(percentile([4, 1, 3, 2], 99)).toBe(4)
})

it("compares medians, and tells the spread of figures taken one after the other", () => {
  const row = compare("it", "s", { a: [1, 2, 30], b: [1, 4, 10] })("a", "b", { atMost: 0.5 })
  expect(row).toMatchObject({ of: "a", to: "b", figure: 2, reference: 4, spread: [0.5, 3] })
  expect(ratio(row)).toBe(0.5)
  expect(meets(row)).toBe(true)
})

it("says of each row its ratio, its spread, its goal, and whether it is met", () => {
  expect(lineOf("echo, 64 KiB").slice(4, 11)).toEqual(["380", "relay", "400", "0.95", "0.90–1.02", "≥ 0.95", "met"])
  expect(lineOf("start until").slice(7, 11)).toEqual(["10.00", "9.00–11.00", "≤ 2.5", "missed"])
})

it("says of each cost what it is at each size, and how it grows from the last but one to the last", () => {
  expect(lineOf("opening it").slice(1)).toEqual(["opening it", "µs", "900", "300", "330", "1.10", "≤ 2", "met", ""])
  expect(lineOf("its memory").slice(3, 9)).toEqual(["", "2000", "20000", "10.00", "≤ 2", "missed"])
})

it("holds one size only for linear: there is nothing to compare", () => {
  expect(growthOf({ what: "it", unit: "s", per: "client", costs: [{ size: 1, cost: 5 }] })).toBe(1)
})

it("names the machine, the versions, what is missing, and how many goals are met", () => {
  const report = reportOf(results)
  expect(report).toContain("2 cores, Some CPU, Linux 6, transportd 1.2.3, Node 20, load 0.5 before the run")
  expect(report).toContain("2 of 4 goals are met.")
  expect(report).toContain("openssh: skipped: there is no sshd on this machine")
})
