/** The round trip of 64 bytes on one connection: the usual one, and the slow ones. */
import { processorOf } from "../cost.ts"
import { compare, type Measure } from "../measure.ts"
import { each, interleaved, percentile } from "../statistics.ts"
import { roundTrips } from "../traffic.ts"

const NAMES = ["no daemon", "relay", "daemon", "daemon, JSON", "stock"] as const

export const roundTrip: Measure = {
  name: "roundTrip",
  about: "64 bytes there and back, one at a time",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const times = Math.ceil(4000 * share)
    const all = await interleaved(NAMES, rounds, async (name) => {
      let took: number[] = []
      const { between, client } = await processorOf(ways[name], async () => {
        took = await roundTrips(ways[name], { bytes: 64, times })
      })
      return { usual: percentile(took, 50), slow: percentile(took, 99), cpu: ((between + client) / times) * 1e6 }
    })
    const [usual, slow] = [each(all, (took) => took.usual), each(all, (took) => took.slow)]
    const p50 = compare("round trip, 64 B, p50", "µs", usual)
    const p99 = compare("round trip, 64 B, p99", "µs", slow)
    const cpu = compare(
      "round trip, 64 B: processor, client and between",
      "µs",
      each(all, (took) => took.cpu),
    )
    return [
      p50("daemon", "relay", { atMost: 1.15 }),
      p50("daemon", "no daemon"),
      p50("daemon", "stock"),
      p99("daemon", "relay", { atMost: 1.15 }),
      p99("daemon", "stock"),
      cpu("daemon", "relay"),
      cpu("daemon", "stock"),
    ]
  },
}
