/**
 * CPython's own tests of asyncio, on the Python client and a daemon that was built: the part of them that says something
 * about any event loop. Knows neither the tests nor how they run, which is `test/python/suite.py`'s.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { describe, expect, it } from "vitest"
import expectations from "../python/expectations.json" with { type: "json" }
import groups from "../python/suite.json" with { type: "json" }
import { ROOT } from "../house/sources.ts"

interface Line {
  readonly test: string
  readonly outcome: "passed" | "failed" | "skipped" | "absent"
  /** Where its transports lived: `daemon`, `local`, both, or `none`. */
  readonly home: string
  readonly detail: string
}

/** The tests are of this Python: others have other tests under the same names. */
const VERSION = "3.11"
const LOOK = `import sys, test.test_asyncio.test_events; sys.exit(sys.version_info[:2] != (3, 11))`

const python = ["python3", "python3.11", "/usr/bin/python3"].find(
  (program) => spawnSync(program, ["-c", LOOK], { stdio: "ignore" }).status === 0,
)

/** Half of the groups each, as long to run: most of the time they wait. */
const SLOW = ["ssl", "start_tls", "subprocess", "sendfile"]
const HALVES = [SLOW, Object.keys(groups).filter((name) => !SLOW.includes(name))]

async function run(names: readonly string[]): Promise<Line[]> {
  const args = [join(ROOT, "test/python/suite.py"), ...names.map((name) => `^${name}.`)]
  const child = spawn(python as string, args, { stdio: ["ignore", "pipe", "ignore"] })
  const lines: Line[] = []
  createInterface(child.stdout).on("line", (line) => lines.push(JSON.parse(line) as Line))
  await once(child, "close")
  return lines
}

describe.skipIf(python === undefined)(`CPython ${VERSION}'s tests of asyncio, where Python has them`, () => {
  it("pass on the daemon, but for those that the list names with a reason", { timeout: 300_000 }, async () => {
    const lines = (await Promise.all(HALVES.map(run))).flat()
    const present = lines.filter(({ outcome }) => outcome !== "absent")
    const failed = present.filter(({ outcome }) => outcome === "failed")
    const local = present.filter(({ home }) => home === "local").map(({ test }) => test)
    const daemon = present.filter(({ home }) => home.includes("daemon"))

    const details = failed.map(({ test, detail }) => `${test}\n${detail}`).join("\n")
    expect(failed.map(({ test }) => test).sort(), details).toEqual(Object.keys(expectations.fails).sort())
    // Each test has said how it ended.
    expect(lines.length).toBe(Object.values(groups).flatMap(({ tests }) => tests).length)
    expect(local.filter((test) => !(test in expectations.local))).toEqual([])
    expect(daemon.length).toBeGreaterThanOrEqual(140)
  })
})
