/**
 * Notices clients that are gone without a word: behind a forwarded socket nobody says so.
 * A client that is merely stopped is silent too; where its process can be looked at it is left alone, for it stalls
 * nobody but itself and will go on.
 */
import type { Clock } from "./clock.ts"

/** Silence of this many intervals is taken for the end. */
const MISSED = 3

export interface Watched {
  readonly heartbeatMs: number
  /** Grows with everything that the client says. */
  said(): number
  /** Whether what it says is being kept waiting by us. */
  isBehind(): boolean
  /** Whether its process is there, as far as it can be known. */
  isThere(): boolean
  answer(): void
  gone(): void
}

/** Watches until the returned function is called. */
export function watchHeartbeat(clock: Clock, watched: Watched): () => void {
  let before = watched.said()
  let silentIntervals = 0
  let stop = (): void => {}
  const look = (): void => {
    const now = watched.said()
    if (now !== before || watched.isBehind()) {
      silentIntervals = 0
      watched.answer()
    } else silentIntervals++
    before = now
    if (silentIntervals >= MISSED && !watched.isThere()) return watched.gone()
    stop = clock.after(watched.heartbeatMs, look)
  }
  stop = clock.after(watched.heartbeatMs, look)
  return () => stop()
}
