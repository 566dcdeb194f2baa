/** Time, as everything below `config.ts` gets it: passed in, so that tests own it. */

export interface Clock {
  /** Monotonic milliseconds: only differences mean anything. */
  nowMs(): number
  /**
   * Calls `action` once after `delayMs`; the returned function cancels it.
   * Keeps the process alive only with `keepAlive`: for what must still happen when nothing else is left to do.
   */
  after(delayMs: number, action: () => void, options?: { readonly keepAlive?: boolean }): () => void
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, action, { keepAlive = false } = {}) => {
    const timer = setTimeout(action, Math.max(0, delayMs))
    if (!keepAlive) timer.unref()
    return () => clearTimeout(timer)
  },
}
