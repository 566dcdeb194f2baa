/** Signals that mean "leave, and let it go on": Ctrl-C and its like, for verbs that hold what outlives them. */
import { constants } from "node:os"
import { printable, tell } from "./print.ts"

/**
 * Resolves to the exit status, 128 + n, when one of `signals` comes. The second does not wait for whatever the first
 * has set going.
 */
export function askedToLeave(signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"]): Promise<number> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of signals) {
      const code = 128 + constants.signals[signal]
      process.on(signal, () => {
        if (asked) process.exit(code)
        asked = true
        resolve(code)
      })
    }
  })
}

export interface Leavable {
  readonly id: number
  /** Leaves it to whoever attaches next. */
  detach(): void | Promise<void>
}

/** Leaves `transport`, and says how to come back. */
export async function leave(transport: Leavable, status: number, name?: string): Promise<number> {
  await transport.detach()
  tell(`detached; it goes on: \`transportd attach ${name === undefined ? transport.id : printable(name)}\``)
  return status
}
