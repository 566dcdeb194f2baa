/** Signals that mean "leave, and let it go on": Ctrl-C and its like, for verbs that hold what outlives them. */
import { constants } from "node:os"
import type { SubprocessTransport, Transport } from "transportd/client"
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

/** Leaves `transport` to whoever attaches next, and says how. */
export function leave(transport: Transport | SubprocessTransport, status: number, name?: string): number {
  transport.detach()
  tell(`detached; it goes on: \`transportd attach ${name === undefined ? transport.id : printable(name)}\``)
  return status
}
