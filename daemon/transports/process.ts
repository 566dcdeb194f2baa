/**
 * A child process: its exit, its signals, its group. Its pipes are streams of their own.
 * Knows nothing of how it was started (`open/spawn.ts`) or of who waits for its output.
 */
import type { ChildProcess } from "node:child_process"
import { constants } from "node:os"
import type { ProcessEvents } from "./transport.ts"

export class ProcessTransport {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ownsGroup: boolean
  #returncode: number | null = null

  /** @param ownsGroup whether the process leads a group of its own, which then ends with it. */
  constructor(child: ChildProcess & { readonly pid: number }, ownsGroup: boolean, events: ProcessEvents) {
    this.#child = child
    this.#ownsGroup = ownsGroup
    this.pid = child.pid
    child.on("exit", (code, signal) => {
      this.#returncode = code ?? -constants.signals[signal as NodeJS.Signals]
      events.exited(this.#returncode, signal)
    })
    // A failed kill comes as an event too; the caller of `signal` has heard of it.
    child.on("error", () => {})
  }

  /** Null while it runs. */
  get returncode(): number | null {
    return this.#returncode
  }

  /** Sends a signal to the process alone. Once it has ended: no effect, so that a reused pid is never hit. */
  signal(signal: NodeJS.Signals | number): void {
    if (this.#returncode === null) this.#child.kill(signal)
  }

  /**
   * Sends a signal to the process and all that it started in its group. False when nothing of it is left.
   * The number of a group is not reused while a member lives, so this reaches grandchildren after the exit too.
   */
  signalGroup(signal: NodeJS.Signals | 0): boolean {
    if (!this.#ownsGroup) {
      this.signal(signal as NodeJS.Signals)
      return this.#returncode === null
    }
    try {
      return process.kill(-this.pid, signal)
    } catch {
      return false
    }
  }
}
