/** Beside OpenSSH, which many would take to reach a remote over a connection that is open already. */
import { costOf, CostTable } from "../cost.ts"
import { compare, type Measure } from "../measure.ts"
import { interleaved, percentile } from "../statistics.ts"
import { echoed, roundTrips } from "../traffic.ts"

const NAMES = ["daemon", "OpenSSH"] as const
const PIECE = 65_536

export const openssh: Measure = {
  name: "openssh",
  about: "echo and round trip beside `ssh -W` over a master connection",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const total = Math.ceil(2000 * share) * PIECE
    const costs = await interleaved(NAMES, rounds, (name) =>
      costOf(ways[name], total, () => echoed(ways[name], { total, piece: PIECE })),
    )
    const times = Math.ceil(2000 * share)
    const usual = await interleaved(NAMES, rounds, async (name) =>
      percentile(await roundTrips(ways[name], { bytes: 64, times }), 50),
    )
    const table = new CostTable("echo, 64 KiB", costs)
    return [
      table.rate("daemon", "OpenSSH", { atLeast: 1 }),
      ...table.cpu("daemon", "OpenSSH"),
      compare("round trip, 64 B, p50", "µs", usual)("daemon", "OpenSSH"),
    ]
  },
}
