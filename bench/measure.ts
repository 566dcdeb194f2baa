/** What a measure is: a name, a way to run it, and what it finds out; and how two figures are compared. */
import type { Field } from "./field.ts"
import { median } from "./statistics.ts"

export interface Measure {
  /** For `--only`. */
  readonly name: string
  /** What is measured, in half a sentence, for who has to choose. */
  readonly about: string
  /** Throws {@link Unavailable} where something that it needs is missing. */
  run(field: Field, effort: Effort): Promise<readonly Finding[]>
}

export interface Effort {
  /** Rounds that count, for each way. */
  readonly rounds: number
  /** How much of the full volume is moved: 1, or less to be quick. */
  readonly share: number
  /** For a measure that gives less than it could: why, for the results. */
  leftOut(why: string): void
}

export type Finding = Row | Growth

/** What is wanted of a ratio. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number }

/** One comparison. Figures that the table is to show for the record have no goal. */
export interface Row {
  readonly what: string
  readonly unit: string
  /** What is compared, and with what: names of ways. */
  readonly of: string
  readonly to: string
  /** Medians over the rounds. */
  readonly figure: number
  readonly reference: number
  /** Of all rounds the smallest ratio and the largest, each of two figures taken one right after the other. */
  readonly spread?: readonly [number, number]
  readonly goal?: Goal
}

/** What one thing costs while there are more and more of them. */
export interface Growth {
  readonly what: string
  /** Of the cost of one: `µs`, say. */
  readonly unit: string
  /** Of what there are more and more. */
  readonly per: string
  readonly costs: ReadonlyArray<{ readonly size: number; readonly cost: number }>
  /** What is wanted of {@link growthOf}. */
  readonly goal?: Goal
}

/** Something that a measure needs is not on this machine. The message says what, and what it is needed for. */
export class Unavailable extends Error {}

export function isGrowth(finding: Finding): finding is Growth {
  return "costs" in finding
}

/**
 * Rows out of rounds: `results` are what each way gave, in the order of the rounds.
 * What is given back makes the row that compares one of them with another.
 */
export function compare<Name extends string>(
  what: string,
  unit: string,
  results: Readonly<Record<Name, readonly number[]>>,
): (of: Name, to: Name, goal?: Goal) => Row {
  return (of, to, goal) => {
    const ratios = results[of].map((figure, round) => figure / (results[to][round] ?? Number.NaN))
    return {
      what,
      unit,
      of,
      to,
      figure: median(results[of]),
      reference: median(results[to]),
      spread: [Math.min(...ratios), Math.max(...ratios)],
      ...(goal !== undefined && { goal }),
    }
  }
}

export function ratio({ figure, reference }: Row): number {
  return figure / reference
}

/** How much dearer one is at the largest size than at the size before: 1 is linear, 10 would be quadratic. */
export function growthOf({ costs }: Growth): number {
  const [before, last] = costs.slice(-2)
  return before === undefined || last === undefined ? 1 : last.cost / before.cost
}

/** Whether the goal is met; undefined where there is none. */
export function meets(finding: Finding): boolean | undefined {
  const { goal } = finding
  if (goal === undefined) return undefined
  const value = isGrowth(finding) ? growthOf(finding) : ratio(finding)
  return "atLeast" in goal ? value >= goal.atLeast : value <= goal.atMost
}
