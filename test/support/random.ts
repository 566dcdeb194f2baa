/**
 * Seeded chance for tests: the same seed gives the same run. `TEST_SEED` sets it; a failing test prints it.
 * Each test draws from a sequence of its own, so that it fails in the same way when it is run alone.
 */

/** The seed of this run. */
export const seed: number = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 0x1_0000_0000)) >>> 0

/** A number in [0, 1), and the next at each call. */
export type Random = () => number

/** Source: Tommy Ettinger's mulberry32, public domain. */
export function mulberry32(start: number): Random {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** The sequence that belongs to `label` in this run. */
export function randomFor(label: string): Random {
  let hash = seed
  for (let at = 0; at < label.length; at++) hash = Math.imul(hash ^ label.charCodeAt(at), 0x01000193)
  return mulberry32(hash)
}

/** Bytes that nobody guesses and everybody can compare: the same seed, the same bytes. */
export function pattern(bytes: number, start = 1): Buffer {
  const result = Buffer.allocUnsafe(bytes)
  let state = start >>> 0 || 1
  for (let at = 0; at < bytes; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    result[at] = state
  }
  return result
}
