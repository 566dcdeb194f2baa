/** The result for people and for programs: a Markdown table, and the machine it was measured on. */
import { availableParallelism, cpus, loadavg, release, type } from "node:os"
import { meets, ratio, type Row } from "./measure.ts"

export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly node: string
  readonly system: string
  /** Processes that wanted to run in the last minute, before we began: far over 0, the figures are somebody else's too. */
  readonly load: number
}

export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    node: process.version,
    system: `${type()} ${release()}`,
    load: loadavg()[0] ?? 0,
  }
}

export function machineLine({ cores, cpu, node, system, load }: Machine): string {
  return `${cores} cores, ${cpu}, Node ${node}, ${system}, load ${load.toFixed(1)} before the run`
}

export function tableOf(rows: readonly Row[]): string {
  const head = ["measure", "unit", "of", "figure", "to", "figure", "ratio", "goal", ""]
  const lines = rows.map((row) => [
    row.what,
    row.unit,
    row.of,
    short(row.figure),
    row.to,
    short(row.reference),
    ratio(row).toFixed(2),
    goalOf(row),
    row.goal === undefined ? "" : meets(row) ? "met" : "missed",
  ])
  const all = [head, ...lines]
  const widths = head.map((_, column) => Math.max(3, ...all.map((line) => line[column]?.length ?? 0)))
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  return [format(head), format(widths.map((width) => "-".repeat(width))), ...lines.map(format)].join("\n")
}

function goalOf({ goal }: Row): string {
  if (goal === undefined) return ""
  return "atLeast" in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`
}

function short(figure: number): string {
  return figure >= 100 ? Math.round(figure).toString() : figure.toPrecision(3)
}
