/** The benchmark, as a person starts it, in its smallest form: that it runs and what it prints, never a figure. */
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterEach, beforeEach, expect, it } from "vitest"
import type { Results } from "../../bench/results.ts"
import { ROOT } from "../house/sources.ts"

const run = promisify(execFile)
let folder = ""

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "transportd-test-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** @returns what it printed, and the JSON that it left. */
async function bench(...args: string[]): Promise<{ stdout: string; stderr: string; results: Results }> {
  const json = join(folder, "results.json")
  const command = [join(ROOT, "dist/bench/main.js"), "--json", json, ...args]
  const { stdout, stderr } = await run(process.execPath, command)
  return { stdout, stderr, results: JSON.parse(readFileSync(json, "utf8")) as Results }
}

it("measures what it is asked for, and says it as a table and as JSON", { timeout: 120_000 }, async () => {
  const { stdout, stderr, results } = await bench("--quick", "--only", "request", "--only", "roundTrip")
  expect(results).toMatchObject({ quick: true, rounds: 1, growths: [], missing: [] })
  expect(results.machine.versions).toMatchObject({ Node: process.versions.node, transportd: expect.any(String) })
  const row = { what: "request, p50", unit: "µs", of: "daemon", to: "stock", goal: { atMost: 0.6 } }
  expect(results.rows).toContainEqual(expect.objectContaining(row))
  expect(results.rows.every(({ figure, reference }) => figure > 0 && reference > 0)).toBe(true)
  expect(stdout).toMatch(/^\| request, p50 +\| µs +\| daemon +\|.*\| ≤ 0\.6 +\| (?:met|missed) +\|$/m)
  expect(stderr).toMatch(/^roundTrip … [\d.]+ s$/m)
})

it("shows the processor time of moving bytes beside the throughput", { timeout: 120_000 }, async () => {
  const { results } = await bench("--quick", "--only", "oneWay")
  const processor = results.rows.filter(({ unit }) => unit === "s/GB")
  expect(processor).toHaveLength(4)
  if (process.platform === "linux") expect(processor.every(({ figure }) => figure > 0)).toBe(true)
})

it("shows how costs grow, at each size", { timeout: 240_000 }, async () => {
  const { stdout, results } = await bench("--quick", "--only", "scaling")
  const sizes = new Map(results.growths.map(({ per, costs }) => [per, costs.length]))
  expect([...sizes.keys()]).toEqual(["transport", "client", "small write"])
  const opening = results.growths.find(({ what }) => what === "opening it")
  expect(opening?.costs.map(({ size }) => size)).toEqual([1, 10, 100])
  expect(stdout).toMatch(/^\| cost per transport, with +\| unit +\| 1 +\| 10 +\| 100 +\| growth/m)
})

it("runs as many rounds as it is told", { timeout: 120_000 }, async () => {
  const { results } = await bench("--quick", "--rounds", "2", "--only", "request")
  expect(results.rounds).toBe(2)
})

it("names all measures when one is not there, and says what a number of rounds is", async () => {
  const failure = async (...args: string[]): Promise<string> =>
    await bench(...args).then(
      () => "",
      ({ code, stderr }: { code: number; stderr: string }) => `${code} ${stderr}`,
    )
  expect(await failure("--only", "nothing")).toMatch(/^2 there is no measure nothing\n[^]* echo +bytes there and back/)
  expect(await failure("--rounds", "some")).toMatch(/^2 --rounds is a number from 1 on\n/)
})
