/**
 * `npm run soak -- --seconds 600 --seed 1`: clients that do anything in any order with a real daemon, checked
 * throughout, and what the daemon has at the end beside what it had at the start. Ends with 1 when a rule was broken.
 */
import { parseArgs } from "node:util"
import { soak } from "../test/faults/soak/session.ts"

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "600" }, seed: { type: "string" } },
})
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
console.log(`seed ${seed}, ${seconds} s, Node ${process.version}`)

let startMs: number | null = null
let nextReportMs = 0
const goesOn = (operations: number): boolean => {
  const nowMs = performance.now()
  startMs ??= nowMs
  if (nowMs >= nextReportMs) {
    nextReportMs = nowMs + 10_000
    console.log(`${Math.round((nowMs - startMs) / 1000)} s: ${operations} operations`)
  }
  return nowMs - startMs < seconds * 1000
}
const { operations, flaws, recent, before, after } = await soak({ seed, warmUp: 2_000, goesOn })
for (const [name, { heldBytes, residentBytes, descriptors, children }] of Object.entries({ before, after })) {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
  const counts = `${descriptors.length} descriptors, ${children.length} children`
  console.log(`${name}: ${megabytes(heldBytes)} held, ${megabytes(residentBytes)} resident, ${counts}`)
}
console.log(`${operations} operations, ${flaws.length} flaws`)
if (flaws.length > 0) console.error([`seed ${seed}`, ...flaws, "after", ...recent].join("\n"))
// At once: what this side's sockets still wait for is no finding about the daemon.
process.exit(flaws.length > 0 ? 1 : 0)
