/** The log: one JSON object a line, counts and never bytes, on a stream that is not the wire. */
import type { Writable } from "node:stream"

const LEVELS = ["error", "warn", "info", "debug"] as const

export type LogLevel = (typeof LEVELS)[number]

/** Writes one line. Field values are counts, ids and names; never payload, environment or arguments. */
export type Log = (level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>) => void

/** What waits for a reader of the log at most; beyond it lines are dropped, so that a stuck reader costs nothing. */
const MAX_WAITING_BYTES = 1024 * 1024

/** A log that writes lines of `level` and above to `output`. */
export function makeLog(output: Writable, level: LogLevel, now: () => Date = () => new Date()): Log {
  output.on("error", () => {})
  return (of, event, fields = {}) => {
    if (LEVELS.indexOf(of) > LEVELS.indexOf(level) || output.writableLength > MAX_WAITING_BYTES) return
    output.write(`${JSON.stringify({ time: now().toISOString(), level: of, event, ...fields })}\n`)
  }
}
