/** What a measure is: a name, a way to run it, and rows that compare one figure with another. */
import type { Field } from "./field.ts"

/** What is wanted of a ratio. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number }

/** One comparison. Figures that the table is to show for the record have no goal. */
export interface Row {
  readonly what: string
  readonly unit: string
  /** What is compared, and with what: names of ways. */
  readonly of: string
  readonly to: string
  readonly figure: number
  readonly reference: number
  readonly goal?: Goal
}

export interface Effort {
  /** Rounds that count, for each way. */
  readonly rounds: number
  /** How much of the full volume is moved: 1, or less to be quick. */
  readonly share: number
}

export interface Measure {
  readonly name: string
  run(field: Field, effort: Effort): Promise<Row[]>
}

export function ratio({ figure, reference }: Row): number {
  return figure / reference
}

export function meets(row: Row): boolean {
  if (row.goal === undefined) return true
  return "atLeast" in row.goal ? ratio(row) >= row.goal.atLeast : ratio(row) <= row.goal.atMost
}
