/** The results for people, in Markdown: the machine, the comparisons, how costs grow, what is missing. */
import { growthOf, meets, ratio, type Finding, type Growth, type Row } from "./measure.ts"
import type { Machine, Results } from "./results.ts"

/** All of `results`. */
export function reportOf({ machine, rounds, quick, rows, growths, missing }: Results): string {
  const verdicts = [...rows, ...growths].map(meets).filter((met) => met !== undefined)
  const parts = [
    machineLine(machine),
    quick ? "A quick run: too short for its figures to mean anything." : `Medians of ${rounds} rounds.`,
    `${verdicts.filter(Boolean).length} of ${verdicts.length} goals are met.`,
    ...(rows.length > 0 ? [tableOf(rows)] : []),
    ...[...new Set(growths.map(({ per }) => per))].map((per) => growthTableOf(per, growths)),
    ...missing.map(({ measure, why }) => `${measure}: ${why}`),
  ]
  return parts.join("\n\n")
}

export function machineLine({ cores, cpu, system, versions, load }: Machine): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [`${cores} cores`, cpu, system, ...names, `load ${load.toFixed(1)} before the run`].join(", ")
}

export function tableOf(rows: readonly Row[]): string {
  const head = ["measure", "unit", "of", "figure", "to", "figure", "ratio", "of rounds", "goal", ""]
  const lines = rows.map((row) => [
    row.what,
    row.unit,
    row.of,
    short(row.figure),
    row.to,
    short(row.reference),
    ratio(row).toFixed(2),
    row.spread === undefined ? "" : row.spread.map((end) => end.toFixed(2)).join("–"),
    goalOf(row),
    verdictOf(row),
  ])
  return markdown(head, lines)
}

/** How the cost of one grows with how many `per` there are. */
export function growthTableOf(per: string, growths: readonly Growth[]): string {
  const those = growths.filter((growth) => growth.per === per)
  const sizes = [...new Set(those.flatMap(({ costs }) => costs.map(({ size }) => size)))].sort((a, b) => a - b)
  const head = [`cost per ${per}, with`, "unit", ...sizes.map(String), "growth", "goal", ""]
  const lines = those.map((growth) => [
    growth.what,
    growth.unit,
    ...sizes.map((size) => {
      const cost = growth.costs.find((at) => at.size === size)?.cost
      return cost === undefined ? "" : short(cost)
    }),
    growthOf(growth).toFixed(2),
    goalOf(growth),
    verdictOf(growth),
  ])
  return markdown(head, lines)
}

function markdown(head: readonly string[], lines: ReadonlyArray<readonly string[]>): string {
  const all = [head, ...lines]
  const widths = head.map((_, column) => Math.max(3, ...all.map((line) => line[column]?.length ?? 0)))
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  return [format(head), format(widths.map((width) => "-".repeat(width))), ...lines.map(format)].join("\n")
}

export function goalOf({ goal }: Finding): string {
  if (goal === undefined) return ""
  return "atLeast" in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`
}

function verdictOf(finding: Finding): string {
  const met = meets(finding)
  return met === undefined ? "" : met ? "met" : "missed"
}

/** Three digits that count, and no more than are there. */
export function short(figure: number): string {
  return figure >= 100 ? Math.round(figure).toString() : figure.toPrecision(3)
}
