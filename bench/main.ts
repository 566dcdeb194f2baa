/**
 * `npm run bench`: what the daemon costs, beside what can be had without it. All ways take turns in one run, and all
 * that counts are ratios of medians. Options: --only NAME (again and again), --quick, --json FILE.
 * Progress goes to stderr, the table to stdout. Nothing here is a test.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { prepareField } from "./field.ts"
import { ratio, type Effort, type Row } from "./measure.ts"
import { MEASURES } from "./measures/index.ts"
import { seconds } from "./statistics.ts"
import { machineLine, tableOf, thisMachine } from "./table.ts"

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
})

const { only, quick, json } = values
const unknown = only.filter((name) => !MEASURES.some((measure) => measure.name === name))
if (unknown.length > 0) {
  const names = MEASURES.map(({ name }) => name).join(", ")
  console.error(`there is no measure ${unknown.join(", ")}; there are ${names}`)
  process.exit(2)
}

const effort: Effort = quick ? { rounds: 1, share: 0.1 } : { rounds: 5, share: 1 }
const machine = thisMachine()
const rows: Row[] = []
const field = await prepareField()
for (const measure of MEASURES) {
  if (only.length > 0 && !only.includes(measure.name)) continue
  process.stderr.write(`${measure.name} …`)
  const took = await seconds(async () => rows.push(...(await measure.run(field, effort))))
  process.stderr.write(` ${took.toFixed(1)} s\n`)
}
await field.end()

console.log(`${machineLine(machine)}\n\n${tableOf(rows)}`)
if (json !== undefined) {
  const measured = rows.map((row) => ({ ...row, ratio: ratio(row) }))
  writeFileSync(json, `${JSON.stringify({ machine, quick, rows: measured }, null, 2)}\n`)
}
