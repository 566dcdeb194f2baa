/**
 * A child process: its exit, its signals, its group. Its pipes are streams of their own.
 * Knows nothing of how it was started (`open/spawn.ts`) or of who waits for its output.
 */
import { constants } from "node:os"
import type { ProcessEvents } from "./transport.ts"

/** What is used of a child, however it was started: as Node has it. */
export interface Child {
  readonly pid: number
  once(event: "exit", listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown
  kill(signal: NodeJS.Signals | number): boolean
}

/** What a process leads, which then ends with it. */
export interface Reach {
  readonly leads: "nothing" | "group" | "session"
  /** The processes of a session, by the one that leads it. */
  membersOf(session: number): readonly number[]
}

export class ProcessTransport {
  readonly pid: number
  /** Resolves when it has exited. */
  readonly exited: Promise<void>
  /** Null once it has exited: its group may live on, and must not keep what was read of it. */
  #child: Child | null
  readonly #reach: Reach
  #returncode: number | null = null

  constructor(child: Child, reach: Reach, events: ProcessEvents) {
    this.#child = child
    this.#reach = reach
    this.pid = child.pid
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#child = null
        this.#returncode = code ?? -constants.signals[signal as NodeJS.Signals]
        events.exited(this.#returncode, signal)
        resolve()
      })
    })
  }

  /** How it is asked to end. A shell with a terminal ignores SIGTERM; what it hears of is that the terminal is gone. */
  get farewell(): NodeJS.Signals {
    return this.#reach.leads === "session" ? "SIGHUP" : "SIGTERM"
  }

  /** Null while it runs. */
  get returncode(): number | null {
    return this.#returncode
  }

  /** Sends a signal to the process alone. Once it has ended: no effect, so that a reused pid is never hit. */
  signal(signal: NodeJS.Signals | number): void {
    this.#child?.kill(signal)
  }

  /**
   * Sends a signal to the process and all that it started in its group, or session. False when nothing of it is left.
   * The number of a group is not reused while a member lives, so this reaches grandchildren after the exit too.
   */
  signalGroup(signal: NodeJS.Signals | 0): boolean {
    const { leads, membersOf } = this.#reach
    if (leads === "nothing") {
      this.signal(signal as NodeJS.Signals)
      return this.#returncode === null
    }
    const reached = send(-this.pid, signal)
    if (leads === "group" || (reached && signal === 0)) return reached
    // A shell with a terminal gives each of its jobs a group of its own.
    return membersOf(this.pid).filter((pid) => send(pid, signal)).length > 0 || reached
  }
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
