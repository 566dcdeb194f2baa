/**
 * `npm run bench`: what the daemon costs, beside what can be had without it. All ways take turns in one run, and all
 * that counts are ratios of medians. Progress goes to stderr, the tables to stdout. Nothing here is a test: the exit
 * status is 1 when a measure could not be run to its end, and says nothing of figures.
 */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Field } from "./field.ts"
import { Unavailable, type Finding, type Measure } from "./measure.ts"
import { MEASURES } from "./measures/index.ts"
import { resultsOf, thisMachine, type Results } from "./results.ts"
import { seconds } from "./statistics.ts"
import { reportOf } from "./table.ts"

/** Of the shape below, in Node 20 and 24. */
const HEAP_OBJECTS_PER_MB = 9000

const USAGE = `npm run bench -- [--only NAME]… [--rounds N] [--quick] [--heap-mb N] [--json FILE]

  --only NAME    this measure alone; again for more:
${MEASURES.map(({ name, about }) => `                   ${name.padEnd(15)} ${about}`).join("\n")}
  --rounds N     rounds that count, for each way; 5 if not given
  --quick        one round of a tenth: does it run?
  --heap-mb N    the client holds objects of N MB, as a larger program does: V8 collects by the size of a heap
  --json FILE    the results, for programs`

const { only, rounds, quick, heapMb, json } = options()
/** Small ones, as programs have. */
const heap = Array.from({ length: heapMb * HEAP_OBJECTS_PER_MB }, (_, index) => ({ index, of: [index] }))
const effort = { rounds: rounds ?? (quick ? 1 : 5), share: quick ? 0.1 : 1 }
const begun = { date: new Date(), machine: thisMachine(versions()), quick, effort }
const findings: Finding[] = []
const missing: Array<Results["missing"][number]> = []

const field = await Field.prepare()
for (const measure of MEASURES.filter(({ name }) => only.length === 0 || only.includes(name))) await take(measure)
await field.end()

// In use to the end, or it would have been collected.
if (heap.length > 0) process.stderr.write(`with ${heap.length} objects in the client's heap\n`)
const results = resultsOf(begun, findings, missing)
console.log(reportOf(results))
if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`)

/** One that fails does not take the others' figures with it. */
async function take(measure: Measure): Promise<void> {
  process.stderr.write(`${measure.name} …`)
  const leftOut = (why: string): void => void missing.push({ measure: measure.name, why })
  try {
    const took = await seconds(async () => findings.push(...(await measure.run(field, { ...effort, leftOut }))))
    process.stderr.write(` ${took.toFixed(1)} s\n`)
  } catch (error) {
    if (!(error instanceof Unavailable)) process.exitCode = 1
    const why = error instanceof Unavailable ? `skipped: ${error.message}` : `failed: ${String(error)}`
    leftOut(why)
    process.stderr.write(` ${why}\n`)
  }
}

interface Options {
  readonly only: readonly string[]
  readonly rounds: number | undefined
  readonly quick: boolean
  readonly heapMb: number
  readonly json: string | undefined
}

function options(): Options {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean", short: "h" },
        only: { type: "string", multiple: true, default: [] },
        rounds: { type: "string" },
        quick: { type: "boolean", default: false },
        "heap-mb": { type: "string", default: "0" },
        json: { type: "string" },
      },
    })
    if (values.help === true) {
      console.log(USAGE)
      process.exit(0)
    }
    const unknown = values.only.filter((name) => !MEASURES.some((measure) => measure.name === name))
    if (unknown.length > 0) throw new Error(`there is no measure ${unknown.join(", ")}`)
    const count = values.rounds === undefined ? undefined : Number(values.rounds)
    if (count !== undefined && !(Number.isInteger(count) && count > 0))
      throw new Error("--rounds is a number from 1 on")
    const heapMb = Number(values["heap-mb"])
    if (!(Number.isInteger(heapMb) && heapMb >= 0)) throw new Error("--heap-mb is a number from 0 on")
    return { only: values.only, rounds: count, quick: values.quick, heapMb, json: values.json }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

function versions(): Results["machine"]["versions"] {
  const lock = readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")
  const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, { version: string }>> }
  const versionOf = (path: string): string => packages[path]?.version ?? "unknown"
  // Where there is no ssh there is no output either.
  const openSsh = /^OpenSSH_(\S+)/.exec(spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr ?? "")?.[1]
  return {
    transportd: versionOf(""),
    Node: process.versions.node,
    "vscode-jsonrpc": versionOf("node_modules/vscode-jsonrpc"),
    ...(openSsh !== undefined && { OpenSSH: openSsh }),
  }
}
