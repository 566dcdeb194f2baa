/** Time, as everything below `config.ts` gets it: passed in, so that tests own it. */

export interface Clock {
  /** Monotonic milliseconds: only differences mean anything. */
  nowMs(): number
  /** Calls `action` once after `delayMs`; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, action: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, Math.max(0, delayMs))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
