/**
 * Memory for bytes that stay a moment: given out in slabs of one size, and given back to be used again.
 * Whoever has a slab alone decides when it is free; one that is not given back is left to the collector.
 *
 * Why: memory that is allocated for each piece costs more than a copy of it. It is fetched from the system page by page
 * and collected, and V8 counts Buffers when it decides about full collections. A relay of 64 KiB pieces that read into
 * one buffer and wrote from it took 0.8 s of processor time per GB where one with a new Buffer for each took 1.15 s.
 */

/** One body of the largest size with its header, and most of another. */
export const SLAB_BYTES = 128 * 1024

/** Slabs that nobody has, for all to take: 4 MiB at most. */
const MAX_SPARE = 32
const spare: Buffer[] = []

export function takeSlab(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
}

/** Nobody reads from it any more. */
export function giveSlab(slab: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(slab)
}
