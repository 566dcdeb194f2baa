/**
 * The comparisons that have a goal, as a picture: where each ratio is, and how far from its goal. Pure: rows in, SVG out.
 * It brings its own background and follows the reader's preference for light or dark; what is met is told by shape too.
 */
import { meets, ratio, type Row } from "./measure.ts"
import { goalOf } from "./table.ts"

const WIDTH = 880
const ROW = 26
const HEAD = 46
const FOOT = 34
/** Where the axis begins and ends; labels are on its left, figures on its right. */
const AXIS = { from: 400, to: 740 }
/** Ratios at the ends of the axis; what is beyond stands at its end. Logarithmic: half is as far from even as double. */
const RANGE = { from: 1 / 8, to: 8 }
const TICKS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]

interface Palette {
  readonly paper: string
  readonly ink: string
  readonly soft: string
  readonly line: string
  readonly met: string
  readonly missed: string
}

const LIGHT: Palette = {
  paper: "#ffffff",
  ink: "#1f2328",
  soft: "#59636e",
  line: "#d1d9e0",
  met: "#1a7f37",
  missed: "#bc4c00",
}
const DARK: Palette = {
  paper: "#0d1117",
  ink: "#f0f6fc",
  soft: "#9198a1",
  line: "#3d444d",
  met: "#3fb950",
  missed: "#f0883e",
}

/** Why no variables: several programs that draw SVG know none. */
function colours({ paper, ink, soft, line, met, missed }: Palette): string {
  return [
    `.paper, .missed circle { fill: ${paper} }`,
    `text { fill: ${ink} } .goal { stroke: ${ink} }`,
    `.soft { fill: ${soft} } .even { stroke: ${soft} } .grid { stroke: ${line} }`,
    `.met { stroke: ${met}; fill: ${met} } .missed { stroke: ${missed} }`,
  ].join("\n    ")
}

const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
    .head { font-weight: 600 } .end { text-anchor: end } .mid { text-anchor: middle }
    .goal { stroke-width: 2 } .met, .missed { stroke-width: 3 }
    ${colours(LIGHT)}
    @media (prefers-color-scheme: dark) {
    ${colours(DARK)}
    }`

/** @param caption a line for the foot: where and when it was measured. */
export function chartOf(rows: readonly Row[], caption: string): string {
  const wanted = rows.filter(({ goal }) => goal !== undefined)
  const groups = [
    { title: "more is better", rows: wanted.filter(({ goal }) => "atLeast" in (goal ?? {})) },
    { title: "less is better", rows: wanted.filter(({ goal }) => "atMost" in (goal ?? {})) },
  ].filter((group) => group.rows.length > 0)
  const parts: string[] = []
  let y = 0
  for (const group of groups) {
    parts.push(groupOf(group.title, group.rows, y))
    y += HEAD + group.rows.length * ROW
  }
  const height = y + FOOT
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `  <title>Ratios of the benchmark and their goals</title>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>`,
    ...parts,
    `  <text class="soft" x="16" y="${height - 13}">${escaped(caption)}</text>`,
    `</svg>`,
  ].join("\n")}\n`
}

function groupOf(title: string, rows: readonly Row[], top: number): string {
  const bottom = top + HEAD + rows.length * ROW - 6
  return [
    `  <text class="head" x="16" y="${top + 30}">${escaped(title)}</text>`,
    ...TICKS.flatMap((tick) => [
      `  <line class="${tick === 1 ? "even" : "grid"}" x1="${at(tick)}" x2="${at(tick)}" y1="${top + 36}" y2="${bottom}"/>`,
      `  <text class="soft mid" x="${at(tick)}" y="${top + 30}">${tick < 1 ? `1/${1 / tick}` : tick}</text>`,
    ]),
    ...rows.map((row, index) => rowOf(row, top + HEAD + index * ROW + 8)),
  ].join("\n")
}

function rowOf(row: Row, y: number): string {
  const verdict = meets(row) === true ? "met" : "missed"
  const goal = Object.values(row.goal ?? {})[0] ?? 1
  const [here, there] = [at(ratio(row)), at(goal)]
  const text = y + 4
  return [
    `  <text x="16" y="${text}">${escaped(row.what)} <tspan class="soft">${escaped(sidesOf(row))}</tspan></text>`,
    `  <g class="${verdict}"><line x1="${there}" x2="${here}" y1="${y}" y2="${y}"/><circle cx="${here}" cy="${y}" r="5"/></g>`,
    `  <line class="goal" x1="${there}" x2="${there}" y1="${y - 8}" y2="${y + 8}"/>`,
    `  <text class="end" x="${WIDTH - 76}" y="${text}">${ratio(row).toFixed(2)}</text>`,
    `  <text class="soft end" x="${WIDTH - 16}" y="${text}">${escaped(goalOf(row))}</text>`,
  ].join("\n")
}

/** What stands beside what; that it is the daemon goes without saying. */
function sidesOf({ of, to }: Row): string {
  return of === "daemon" ? `to ${to}` : `${of} to ${to}`
}

function at(value: number): number {
  const within = Math.min(RANGE.to, Math.max(RANGE.from, value))
  const share = Math.log(within / RANGE.from) / Math.log(RANGE.to / RANGE.from)
  return Math.round(AXIS.from + share * (AXIS.to - AXIS.from))
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("`", "")
}
