/**
 * The same scenario on stock asyncio and through a daemon with the client library: the traces of callbacks are equal.
 * `programs/NAME.py` prints asyncio's; the function of the same name here makes ours.
 */
import { execFile, execFileSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { setupLibrary } from "../client/library.ts"
import { certificateFile } from "../support/tls.ts"
import { opening } from "./opening.ts"
import { datagrams, pipes, processes } from "./others.ts"
import { streams } from "./streams.ts"
import { Twin, type Scenario } from "./twin.ts"
import { writing } from "./writing.ts"

const scenarios: Readonly<Record<string, Scenario>> = {
  ...streams,
  ...writing,
  ...opening,
  ...datagrams,
  ...processes,
  ...pipes,
}

/** The programs whose traces are not to be equal, and why. */
const APART: Readonly<Record<string, string>> = {
  eof_twice: "asyncio 3.11 calls eof_received a second time, which its document rules out",
  small_write_zero_marks: "what the daemon has not acknowledged counts as buffered, so that the first byte pauses here",
  udp_empty: "asyncio before 3.13 drops an empty datagram, which its document says is sent",
}

const PROGRAMS = fileURLToPath(new URL("programs/", import.meta.url))
const names = readdirSync(PROGRAMS)
  .filter((name) => /^[a-z].*\.py$/.test(name))
  .map((name) => name.slice(0, -3))

const run = promisify(execFile)

/** A python3 of 3.11 or newer, or why there is none. */
function pythonMissing(): string | null {
  try {
    const version = execFileSync("python3", ["-c", "import sys; print(*sys.version_info[:2])"]).toString()
    const [major = 0, minor = 0] = version.split(" ").map(Number)
    return major > 3 || (major === 3 && minor >= 11) ? null : `python3 is ${major}.${minor}, and 3.11 is needed`
  } catch {
    return "there is no python3"
  }
}

const missing = pythonMissing()

describe.skipIf(missing !== null)(`asyncio and the daemon${missing === null ? "" : `: ${missing}`}`, () => {
  const harness = setupLibrary()

  it.each(Object.entries(scenarios))("tell the same of %s", async (name, scenario) => {
    const program = run("python3", ["-B", `${PROGRAMS}${name}.py`, certificateFile("")], { timeout: 20_000 })
    const { client } = await harness.startLibrary()
    const twin = new Twin(client, harness)
    await scenario(twin)
    expect(twin.trace).toEqual(JSON.parse((await program).stdout))
    expect(twin.trace).not.toEqual([])
  })

  for (const [name, reason] of Object.entries(APART)) it.skip(`tell the same of ${name}: ${reason}`, () => {})
})

it("each program has a scenario, or a reason why it has none", () => {
  expect([...Object.keys(scenarios), ...Object.keys(APART)].toSorted()).toEqual(names.toSorted())
})
