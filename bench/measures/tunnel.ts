/** A tunnel beside a bare relay: the same bytes over the same sockets, with the daemon as the process in between. */
import { costOf, CostTable } from "../cost.ts"
import type { Measure } from "../measure.ts"
import { interleaved } from "../statistics.ts"
import { echoed, sourced, sunk } from "../traffic.ts"
import type { Way } from "../ways/way.ts"

const PIECE = 65_536
const PIECES = 4000
const NAMES = ["relay", "tunnel", "daemon"] as const
const DIRECTIONS = {
  "tunnel, echo, 64 KiB": (way: Way, total: number) => echoed(way, { total, piece: PIECE }),
  "tunnel, to the remote": (way: Way, total: number) => sunk(way, { total, piece: PIECE }),
  "tunnel, from the remote": sourced,
}

export const tunnel: Measure = {
  name: "tunnel",
  about: "a connection to the daemon that is the bytes of one transport, beside a bare relay",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const total = Math.ceil(PIECES * share) * PIECE
    const rows = []
    for (const [what, move] of Object.entries(DIRECTIONS)) {
      const costs = await interleaved(NAMES, rounds, (name) => costOf(ways[name], total, () => move(ways[name], total)))
      const table = new CostTable(what, costs)
      rows.push(table.rate("tunnel", "relay", { atLeast: 1 }), ...table.cpu("tunnel", "relay"))
    }
    return rows
  },
}
