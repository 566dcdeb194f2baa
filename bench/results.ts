/** What a run leaves for programs: the machine, what was asked for, what was found. */
import { availableParallelism, cpus, loadavg, release, type } from "node:os"
import { isGrowth, type Effort, type Finding, type Growth, type Row } from "./measure.ts"

export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly system: string
  /** What took part, by its version. */
  readonly versions: Readonly<Record<string, string>>
  /** Processes that wanted to run in the last minute, before we began: far over 0, the figures are somebody else's too. */
  readonly load: number
}

export interface Results {
  /** When it began, ISO 8601. */
  readonly date: string
  readonly machine: Machine
  /** Whether it was too short for figures to mean anything. */
  readonly quick: boolean
  readonly rounds: number
  readonly rows: readonly Row[]
  readonly growths: readonly Growth[]
  /** Measures without figures, or without some: something was missing, or they failed. */
  readonly missing: ReadonlyArray<{ readonly measure: string; readonly why: string }>
}

export function thisMachine(versions: Machine["versions"]): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    system: `${type()} ${release()}`,
    versions,
    load: loadavg()[0] ?? 0,
  }
}

export function resultsOf(
  begun: {
    readonly date: Date
    readonly machine: Machine
    readonly quick: boolean
    readonly effort: Pick<Effort, "rounds">
  },
  findings: readonly Finding[],
  missing: Results["missing"],
): Results {
  return {
    date: begun.date.toISOString(),
    machine: begun.machine,
    quick: begun.quick,
    rounds: begun.effort.rounds,
    rows: findings.filter((finding): finding is Row => !isGrowth(finding)),
    growths: findings.filter(isGrowth),
    missing,
  }
}
