/**
 * The page of shared numbers: values from the module itself, reasons from its comments.
 * Reads the source as text, because TypeScript 7 has no compiler API to ask.
 */
import * as limits from "../../protocol/limits.ts"
import { code, page, prose, table } from "./markdown.ts"

/** A comment and the constants under it: what is said holds for all of them. */
const COMMENTED = /\/\*\*((?:(?!\*\/)[^])*)\*\/\n((?:export const \w+ = [^\n]+\n?)+)/g

const INTRODUCTION = [
  "The numbers that both ends, or several parts of the daemon, agree on, and why they are what they are.",
  "Those that a client must keep to are also in the answer to `initialize`, under `limits`.",
  "Some are where a [setting](settings.md) starts.",
]

/** @param source the text of `protocol/limits.ts`. Throws when a constant has no comment, or a comment no constant. */
export function limitsPage(source: string): string {
  const rows = [...source.matchAll(COMMENTED)].flatMap(([, comment = "", constants = ""]) =>
    [...constants.matchAll(/export const (\w+)/g)].map(([, name = ""]) => row(name, textOf(comment))),
  )
  const missing = Object.keys(limits).filter((name) => !rows.some(([cell]) => cell === code(name)))
  if (missing.length > 0) throw new Error(`protocol/limits.ts gives no reason for ${missing.join(", ")}`)
  return page("Limits", "`protocol/limits.ts`", [
    INTRODUCTION.join("\n"),
    table(["name", "value", "unit", "what for"], rows),
  ])
}

function row(name: string, reason: string): string[] {
  const value = (limits as Readonly<Record<string, number>>)[name]
  if (value === undefined) throw new Error(`protocol/limits.ts has no number ${name}`)
  return [code(name), readable(value, name), unitOf(name), prose(reason)]
}

function readable(value: number, name: string): string {
  if (!name.endsWith("_BYTES")) return String(value)
  const [KiB, MiB] = [1024, 1024 * 1024]
  if (value % MiB === 0) return `${value} (${value / MiB} MiB)`
  return value % KiB === 0 ? `${value} (${value / KiB} KiB)` : String(value)
}

/** The name ends with its unit; what does not is a count of what the name says. */
function unitOf(name: string): string {
  if (name.endsWith("_BYTES")) return "bytes"
  return name.endsWith("_MS") ? "ms" : "count"
}

function textOf(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trimEnd())
    .filter((line) => line !== "")
    .join(" ")
    .trim()
}
