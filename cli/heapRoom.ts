/**
 * Room between two full garbage collections, in a process that is all ours: the daemon's.
 * Only for the `transportd` command; who embeds a daemon, or uses the client library, decides about the own process.
 *
 * Why: V8 counts the memory of Buffers when it decides about a full collection, also of those that the next small one
 * frees. After the first full collection its limit is about 9 MB over a heap as small as ours, so bulk data caused one
 * for every 9 MB that came. Echoing 1 GB in pieces of 64 KiB took the daemon 8.6 s of processor time, and 2.8 s with
 * this room. Small collections come for every 32 MB of young Buffers; the room must be larger than that.
 */
import { constants, PerformanceObserver, type PerformanceEntry } from "node:perf_hooks"
import { getHeapStatistics, setFlagsFromString } from "node:v8"

const ROOM_BYTES = 64 * 1024 * 1024

/** From now on the heap may grow by a constant amount while it is small; a large one grows as V8 sees fit. */
export function makeHeapRoom(): void {
  giveRoom()
  // The share of the heap that the room is changes with the heap, and V8 computes the next limit in each full collection.
  new PerformanceObserver((list) => {
    if (list.getEntries().some(isFull)) giveRoom()
  }).observe({ entryTypes: ["gc"] })
}

function giveRoom(): void {
  const percent = Math.ceil((100 * ROOM_BYTES) / getHeapStatistics().used_heap_size)
  // 0 is V8's own judgement, which lets a heap of this size grow by more than our room anyway.
  setFlagsFromString(`--heap-growing-percent=${percent > 100 ? percent : 0}`)
}

function isFull(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}
