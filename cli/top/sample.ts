/** What `top` knows over time: the counts of one moment, the rates since the one before, and some history. Pure. */
import type { Client } from "transportd/client"

export type Statistics = Awaited<ReturnType<typeof readStatistics>>

/** The counts of a moment with what has changed since the one before; rates are null while there is none. */
export type Sample = Omit<Statistics, "transports"> & { readonly transports: readonly TransportSample[] }

export type TransportSample = Statistics["transports"][number] & {
  readonly inBytesPerSecond: number | null
  readonly outBytesPerSecond: number | null
}

/** How many samples the picture of a transport has at most. */
export const HISTORY_SAMPLES = 30

export async function readStatistics(client: Client) {
  return await client.request("daemon/statistics", {})
}

export class Series {
  #before: Statistics | null = null
  readonly #histories = new Map<number, number[]>()

  /** Takes the counts of the next moment. */
  add(statistics: Statistics): Sample {
    const before = this.#before
    this.#before = statistics
    // By the daemon's clock: how long the answers took is no part of it.
    const seconds = before === null ? 0 : (statistics.uptimeMs - before.uptimeMs) / 1000
    const former = new Map(before?.transports.map((transport) => [transport.transport, transport]))
    const rate = (now: number, then: number): number | null => (seconds > 0 ? (now - then) / seconds : null)
    const transports = statistics.transports.map((transport) => {
      // What came about since then began at 0.
      const { receivedBytes = 0, writtenBytes = 0 } = former.get(transport.transport) ?? {}
      return {
        ...transport,
        inBytesPerSecond: rate(transport.receivedBytes, receivedBytes),
        outBytesPerSecond: rate(transport.writtenBytes, writtenBytes),
      }
    })
    this.#remember(transports)
    return { ...statistics, transports }
  }

  /** Bytes per second, in and out, of the last samples of a transport; the latest is the last. */
  history(transport: number): readonly number[] {
    return this.#histories.get(transport) ?? []
  }

  #remember(transports: readonly TransportSample[]): void {
    const here = new Set(transports.map(({ transport }) => transport))
    for (const id of this.#histories.keys()) if (!here.has(id)) this.#histories.delete(id)
    for (const { transport, inBytesPerSecond, outBytesPerSecond } of transports) {
      if (inBytesPerSecond === null || outBytesPerSecond === null) continue
      const history = this.#histories.get(transport) ?? []
      history.push(inBytesPerSecond + outBytesPerSecond)
      if (history.length > HISTORY_SAMPLES) history.shift()
      this.#histories.set(transport, history)
    }
  }
}
