/**
 * What the pages say of the last run that was kept, made from its JSON: the tables and the chart of the page on
 * performance, and the few figures of the README. Knows which lines are whose by the comments around them.
 */
import { chartOf } from "./chart.ts"
import { ratio, type Row } from "./measure.ts"
import type { Results } from "./results.ts"
import { goalOf, machineLine, reportOf, short } from "./table.ts"

/** The run that the pages are made from: `npm run bench -- --json` writes it. */
export const KEPT_RUN = "docs/performance.json"

const PAGE = "docs/performance.md"
const CHART = "docs/performance.svg"
const README = "README.md"

/** What the README shows: the first row of each of these, by name and what it is compared with. */
const CHOSEN: ReadonlyArray<readonly [what: string, to: string]> = [
  ["echo, 64 KiB", "relay"],
  ["echo, 64 KiB", "stock"],
  ["round trip, 64 B, p50", "relay"],
  ["500 transports, 64 B", "relay"],
  ["start and collect `true`, 16 at a time", "child_process"],
]

/** The files, as they are to be. @param read what a file is now, from the root of the repository. */
export function benchPages(results: Results, read: (file: string) => string): Map<string, string> {
  const day = results.date.slice(0, 10)
  const { cores, cpu } = results.machine
  const report = `${day}: ${reportOf(results)}`
  return new Map([
    [PAGE, withBlock(read(PAGE), "run", report)],
    [README, withBlock(read(README), "figures", figuresOf(results))],
    [
      CHART,
      chartOf(results.rows, `${day}, ${cores} cores, ${cpu}, medians of ${results.rounds} rounds; │ is the goal`),
    ],
  ])
}

function figuresOf({ rows, machine, rounds }: Results): string {
  const chosen = CHOSEN.map(([what, to]) => rows.find((row) => row.what === what && row.to === to))
  const lines = chosen.filter((row) => row !== undefined).map(lineOf)
  const where = `Medians of ${rounds} rounds; ${machineLine(machine)}.`
  return [
    "| | daemon | beside | figure | ratio | goal |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    where,
  ].join("\n")
}

function lineOf(row: Row): string {
  const { what, to, unit, figure, reference } = row
  const cells = [what, `${short(figure)} ${unit}`, to, short(reference), ratio(row).toFixed(2), goalOf(row)]
  return `| ${cells.join(" | ")} |`
}

/** `page` with `content` between the comments that name the block. Throws where they are missing. */
function withBlock(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- bench: ${name} -->\n`, `<!-- bench: end -->\n`]
  const from = page.indexOf(begin)
  const to = page.indexOf(end, from)
  if (from === -1 || to === -1)
    throw new Error(`a page has no block "${name}" between ${begin.trim()} and ${end.trim()}`)
  return `${page.slice(0, from + begin.length)}\n${content}\n\n${page.slice(to)}`
}
