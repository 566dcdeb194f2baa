/**
 * Garbage in V8's own heap, where V8 would otherwise mark all of it for Buffers that die young.
 *
 * Why: V8 collects its young generation, which is cheap and frees such Buffers too, when that is full, and to it 64 KiB
 * in a Buffer are 200 bytes. So their memory piles up. At 32 MB V8 collects the young generation for it; but in a heap of
 * about 8 to 13 MB, which is what a small program has, it also marks the heap each time. A client took 1.0 s of processor
 * time for a GB that it was sent, and with ballast 0.4; with a heap below or above 0.33, and with ballast 0.45.
 * Hence only where V8 is seen to mark.
 */
import { constants, PerformanceObserver } from "node:perf_hooks"
import { getHeapSpaceStatistics } from "node:v8"

/** How much outside of the heap is worth a collection of the young generation: well below the 32 MB. */
const WORTH_BYTES = 16 * 1024 * 1024

/** How much V8 is watched for before something is decided, and for how many times as much that holds. */
const WATCHED_BYTES = 4 * WORTH_BYTES
const HOLDS_TIMES = 16

/** Of one array: what is larger than 128 KiB lies apart from the young generation. */
const MAX_ELEMENTS = 8 * 1024
const ELEMENT_BYTES = 8

/** Ballast for a byte outside of the heap: the young generation is full after WORTH_BYTES. */
let share = 0
let bytesUntilLook = WATCHED_BYTES
/** How often it has been decided so in a row. */
let weighed = 0
let marks = 0
let observer: PerformanceObserver | undefined

/** Where others could see it, so that no compiler leaves out what is made for nothing. */
const seen: { piece: unknown[] } = { piece: [] }

/** @param bytes so many were taken outside of the heap. */
export function makeBallast(bytes: number): void {
  observer ??= countMarks()
  bytesUntilLook -= bytes
  if (bytesUntilLook <= 0) look()
  if (share === 0) return
  for (let left = Math.ceil((bytes * share) / ELEMENT_BYTES); left > 0; left -= MAX_ELEMENTS) {
    seen.piece = []
    seen.piece.length = Math.min(left, MAX_ELEMENTS)
  }
  seen.piece = []
}

/** Decides for what comes. While there is ballast nothing is seen, so that now and then there is none. */
function look(): void {
  const isNeeded = share === 0 ? marks > 1 : weighed < HOLDS_TIMES
  weighed = isNeeded ? weighed + 1 : 0
  share = isNeeded ? youngBytes() / WORTH_BYTES : 0
  marks = 0
  bytesUntilLook = WATCHED_BYTES
}

function countMarks(): PerformanceObserver {
  const counting = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as Iterable<{ detail?: { kind: number } }>) {
      if (detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) marks++
    }
  })
  counting.observe({ entryTypes: ["gc"] })
  return counting
}

/** The room of the young generation: V8 collects it when that is used up, and changes it as it sees fit. */
function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")
  return young === undefined ? 0 : young.space_used_size + young.space_available_size
}
