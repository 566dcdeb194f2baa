/** What `daemon/statistics` tells: the counts of transports, memory, and how late the event loop is. */
import { monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks"
import type { RequestResult } from "../protocol/registry.ts"
import type { Description } from "./hold/holding.ts"

type Statistics = RequestResult<"daemon/statistics">

/** How often the event loop is looked at. */
const RESOLUTION_MS = 20

/** How late the event loop is. Measured from the first question on: nobody pays for what nobody asks. */
export class LoopDelay {
  #histogram: IntervalHistogram | null = null

  /** Since the last call. */
  read(): Statistics["eventLoopDelayMs"] {
    const histogram = (this.#histogram ??= started())
    // Platform: it counts the time between two looks, so one that is on time counts too.
    const toMs = (nanoseconds: number): number =>
      Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) : 0
    const delay = {
      p50: toMs(histogram.percentile(50)),
      p99: toMs(histogram.percentile(99)),
      max: histogram.count === 0 ? 0 : toMs(histogram.max),
    }
    histogram.reset()
    return delay
  }

  stop(): void {
    this.#histogram?.disable()
  }
}

function started(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return histogram
}

/** The counts of one transport, its pipes summed up. */
export function transportStatistics(description: Description): Statistics["transports"][number] {
  const { transport, kind, name, clientId, state, channels } = description
  const sum = (count: (channel: Description["channels"][number]) => number): number =>
    channels.reduce((total, channel) => total + count(channel), 0)
  return {
    transport,
    kind,
    ...(name !== undefined && { name }),
    clientId,
    state,
    receivedBytes: sum(({ received }) => received),
    unreadBytes: sum(({ received, consumed }) => received - consumed),
    retainedBytes: sum(({ retained }) => retained.to - retained.from),
    writtenBytes: sum(({ written, moved }) => written + moved),
    unflushedBytes: sum(({ written, flushed }) => written - flushed),
  }
}

/** The memory of this process. */
export function memoryStatistics(): Statistics["memory"] {
  const usage = process.memoryUsage()
  return { residentBytes: usage.rss, heapBytes: usage.heapUsed, buffersBytes: usage.arrayBuffers }
}
