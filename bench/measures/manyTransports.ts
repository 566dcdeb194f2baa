/** 500 connections with 64 bytes each on the way, all at once: round trips of all of them together. */
import type { Measure } from "../measure.ts"
import { interleaved, medians } from "../statistics.ts"
import { manyRoundTrips } from "../traffic.ts"

export const manyTransports: Measure = {
  name: "manyTransports",
  async run({ ways }, { rounds, share }) {
    const each = Math.ceil(100 * share)
    const rates = await interleaved(["no daemon", "relay", "daemon"] as const, rounds, (name) =>
      manyRoundTrips(ways[name], { lines: 500, bytes: 64, each }),
    )
    const rate = medians(rates)
    const row = { what: "500 transports, 64 B", unit: "round trips/s", of: "daemon", figure: rate.daemon }
    return [
      { ...row, to: "relay", reference: rate.relay, goal: { atLeast: 2 } },
      { ...row, to: "no daemon", reference: rate["no daemon"], goal: { atLeast: 0.8 } },
    ]
  },
}
