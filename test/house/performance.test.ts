/** The page on performance, its chart and the README's figures against the run that they are made from. */
import { expect, it } from "vitest"
import { benchPages, KEPT_RUN } from "../../bench/pages.ts"
import type { Results } from "../../bench/results.ts"
import { read } from "./sources.ts"

const results = JSON.parse(read(KEPT_RUN)) as Results

it.each([...benchPages(results, read)])("%s says what the kept run says", (file, content) => {
  // Why a boolean: the difference helps nobody, the command does.
  expect(read(file) === content, `${file} is stale: run \`npm run bench:pages\` and commit what it changed`).toBe(true)
})

it("is made from a run that was long enough to mean something, with nothing missing", () => {
  expect(results.quick).toBe(false)
  expect(results.rounds).toBeGreaterThanOrEqual(3)
  expect(results.missing).toEqual([])
})
