/** One direction at a time: all to the remote, all from it. */
import { costOf, CostTable } from "../cost.ts"
import type { Measure } from "../measure.ts"
import { interleaved } from "../statistics.ts"
import { sourced, sunk } from "../traffic.ts"
import type { Way } from "../ways/way.ts"

const PIECE = 65_536
const PIECES = 12_000
const NAMES = [
  "no daemon",
  "relay",
  "daemon",
  "relay, own buffer",
  "daemon, own buffer",
  "daemon, 64 KiB marks",
] as const
const DIRECTIONS = {
  "to the remote, 64 KiB": (way: Way, total: number) => sunk(way, { total, piece: PIECE }),
  "from the remote": sourced,
}

export const oneWay: Measure = {
  name: "oneWay",
  about: "bytes in one direction: all to the remote, all from it",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const total = Math.ceil(PIECES * share) * PIECE
    const rows = []
    for (const [what, move] of Object.entries(DIRECTIONS)) {
      const costs = await interleaved(NAMES, rounds, (name) => costOf(ways[name], total, () => move(ways[name], total)))
      const table = new CostTable(what, costs)
      rows.push(
        table.rate("daemon", "relay", { atLeast: 0.95 }),
        ...table.cpu("daemon", "relay"),
        // To the remote nothing is read, into no buffer whatever.
        ...(move === sourced ? [table.rate("daemon, own buffer", "relay, own buffer", { atLeast: 0.95 })] : []),
        table.rate("daemon", "no daemon"),
        table.rate("daemon, 64 KiB marks", "relay"),
      )
    }
    return rows
  },
}
