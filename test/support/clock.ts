/** A clock that a test moves: nothing happens between two calls of `advance`. */
import type { Clock } from "../../daemon/clock.ts"

export class TestClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<{ readonly dueMs: number; readonly action: () => void }>()

  /** Timers that still wait. */
  get waiting(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), action }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets `ms` pass: what is due runs, in order, also what is set meanwhile. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#timers.delete(next)
      this.#nowMs = next.dueMs
      next.action()
    }
    this.#nowMs = untilMs
  }

  #next(untilMs: number): { readonly dueMs: number; readonly action: () => void } | undefined {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= untilMs)
    return due.sort((one, other) => one.dueMs - other.dueMs)[0]
  }
}
