/** The round trip of 64 bytes on one connection: the usual one, and the slow ones. */
import type { Measure } from "../measure.ts"
import { interleaved, medians, percentile } from "../statistics.ts"
import { roundTrips } from "../traffic.ts"
import type { WayName } from "../field.ts"

export const roundTrip: Measure = {
  name: "roundTrip",
  async run({ ways }, { rounds, share }) {
    const times = Math.ceil(4000 * share)
    const all = await interleaved(Object.keys(ways) as WayName[], rounds, async (name) => {
      const took = await roundTrips(ways[name], { bytes: 64, times })
      return { usual: percentile(took, 50), slow: percentile(took, 99) }
    })
    const of = (which: "usual" | "slow"): Record<WayName, number> =>
      medians(
        Object.fromEntries(
          Object.entries(all).map(([name, each]) => [name, each.map((round) => round[which])]),
        ) as Record<WayName, number[]>,
      )
    const [usual, slow] = [of("usual"), of("slow")]
    const p50 = { what: "round trip, 64 B, p50", unit: "µs", of: "daemon", figure: usual.daemon }
    const p99 = { what: "round trip, 64 B, p99", unit: "µs", of: "daemon", figure: slow.daemon }
    return [
      { ...p50, to: "relay", reference: usual.relay, goal: { atMost: 1.15 } },
      { ...p50, to: "no daemon", reference: usual["no daemon"] },
      { ...p50, to: "stock", reference: usual.stock },
      { ...p99, to: "relay", reference: slow.relay },
      { ...p99, to: "stock", reference: slow.stock },
    ]
  },
}
