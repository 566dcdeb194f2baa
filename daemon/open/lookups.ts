/**
 * Look-ups of names, a few at a time: the system's resolver takes a thread of the pool that files use too, for as long
 * as it likes, and cannot be stopped. So the rest waits here, each with a time limit that begins when it is asked.
 * A look-up that nobody waits for any more still holds its place until the system is done with it.
 */
import { rpcError } from "../../protocol/errors.ts"
import { LOOKUP_TIMEOUT_MS, MAX_LOOKUPS } from "../../protocol/limits.ts"
import { systemClock, type Clock } from "../clock.ts"

export interface LookupsOptions {
  readonly atOnce: number
  readonly timeoutMs: number
  readonly clock: Clock
}

export class Lookups {
  readonly #options: LookupsOptions
  readonly #waiting: Array<() => void> = []
  #running = 0

  constructor(options: LookupsOptions) {
    this.#options = options
  }

  /**
   * Runs `look` when its turn has come. Rejects with TimedOut, with RequestCancelled once `signal` is aborted, or with
   * what `look` rejects with. One that has not begun by then never begins.
   */
  run<Result>(what: string, look: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const { clock, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#running++
        look()
          .then(resolve, reject)
          .finally(() => {
            settle()
            this.#running--
            this.#next()
          })
      }
      const fail = (error: Error): void => {
        settle()
        const at = this.#waiting.indexOf(begin)
        if (at !== -1) this.#waiting.splice(at, 1)
        reject(error)
      }
      const stop = clock.after(timeoutMs, () => fail(timedOut(what, timeoutMs)))
      const onAbort = (): void => fail(rpcError("RequestCancelled", `the look-up of ${what} was cancelled`))
      const settle = (): void => {
        stop()
        signal?.removeEventListener("abort", onAbort)
      }
      if (signal?.aborted === true) return onAbort()
      signal?.addEventListener("abort", onAbort)
      this.#waiting.push(begin)
      this.#next()
    })
  }

  #next(): void {
    if (this.#running < this.#options.atOnce) this.#waiting.shift()?.()
  }
}

/** For the whole process, as the threads are. */
export const lookups = new Lookups({ atOnce: MAX_LOOKUPS, timeoutMs: LOOKUP_TIMEOUT_MS, clock: systemClock })

function timedOut(what: string, timeoutMs: number): Error {
  return rpcError("TimedOut", `no answer about ${what} within ${timeoutMs} ms`, { operation: "look-up", timeoutMs })
}
