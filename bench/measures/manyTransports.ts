/** 500 connections with 64 bytes each on the way, all at once: round trips of all of them together. */
import { compare, type Measure } from "../measure.ts"
import { interleaved } from "../statistics.ts"
import { manyRoundTrips } from "../traffic.ts"

const NAMES = ["no daemon", "relay", "daemon"] as const

export const manyTransports: Measure = {
  name: "manyTransports",
  about: "64 bytes there and back on 500 connections at once",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const each = Math.ceil(100 * share)
    const rates = await interleaved(NAMES, rounds, (name) =>
      manyRoundTrips(ways[name], { lines: 500, bytes: 64, each }),
    )
    const row = compare("500 transports, 64 B", "round trips/s", rates)
    return [row("daemon", "relay", { atLeast: 2 }), row("daemon", "no daemon", { atLeast: 0.8 })]
  },
}
