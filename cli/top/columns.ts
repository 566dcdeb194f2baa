/** Rows in columns that fit a width: one column gives way when it gets tight. Pure. */
import { printable } from "../print.ts"

export interface Column<Row> {
  readonly title: string
  /** Numbers stand to the right. */
  readonly right?: boolean
  /** How wide it is at least, so that it does not jump with its content. */
  readonly least?: number
  /** It is cut short when the row does not fit. */
  readonly shrinks?: boolean
  cell(row: Row): string
}

/** Below this a name says nothing. */
const LEAST_NAME = 6

/** @param width what a row should take; it takes more where even that is not enough. */
export function columnsOf<Row>(
  columns: ReadonlyArray<Column<Row>>,
  rows: readonly Row[],
  width: number,
): { heading: string; lines: string[] } {
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))))
  const widths = columns.map(({ title, least = 0 }, index) =>
    Math.max(title.length, least, ...cells.map((row) => row[index]!.length)),
  )
  const total = widths.reduce((sum, each) => sum + each, 0)
  const gap = total + 2 * (columns.length - 1) <= width ? 2 : 1
  const excess = total + gap * (columns.length - 1) - width
  const shrinking = columns.findIndex(({ shrinks }) => shrinks)
  if (shrinking !== -1 && excess > 0) {
    widths[shrinking] = Math.max(Math.min(LEAST_NAME, widths[shrinking]!), widths[shrinking]! - excess)
  }
  const line = (row: readonly string[]): string =>
    row.map((cell, index) => fit(cell, widths[index]!, columns[index]!.right === true)).join(" ".repeat(gap))
  return { heading: line(columns.map(({ title }) => title)), lines: cells.map(line) }
}

function fit(text: string, width: number, right: boolean): string {
  if (text.length > width) return `${text.slice(0, width - 1)}…`
  return right ? text.padStart(width) : text.padEnd(width)
}
