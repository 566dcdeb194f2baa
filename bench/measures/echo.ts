/** Echo throughput at 64 KiB writes, over every way. */
import { costOf, CostTable } from "../cost.ts"
import type { Measure } from "../measure.ts"
import { interleaved } from "../statistics.ts"
import { echoed } from "../traffic.ts"

const PIECE = 65_536
/** A second or so for each round, of which the opening and the first milliseconds are little; slow ways move less. */
const PIECES = {
  "no daemon": 10_000,
  relay: 10_000,
  daemon: 10_000,
  "relay, own buffer": 10_000,
  "daemon, own buffer": 10_000,
  "daemon, 64 KiB marks": 10_000,
  "daemon, JSON": 3000,
  "daemon, JSON.parse": 3000,
  stock: 1200,
}
const NAMES = Object.keys(PIECES) as Array<keyof typeof PIECES>

export const echo: Measure = {
  name: "echo",
  about: "bytes there and back, in writes of 64 KiB",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const costs = await interleaved(NAMES, rounds, (name) => {
      const total = Math.ceil(PIECES[name] * share) * PIECE
      return costOf(ways[name], total, () => echoed(ways[name], { total, piece: PIECE }))
    })
    const table = new CostTable("echo, 64 KiB", costs)
    return [
      table.rate("daemon", "relay", { atLeast: 0.95 }),
      ...table.cpu("daemon", "relay"),
      table.rate("daemon, own buffer", "relay, own buffer", { atLeast: 0.95 }),
      ...table.cpu("daemon, own buffer", "relay, own buffer"),
      table.rate("daemon", "no daemon"),
      table.rate("daemon, 64 KiB marks", "relay"),
      table.rate("daemon", "stock"),
      table.rate("daemon, JSON", "stock", { atLeast: 2.5 }),
      table.rate("daemon, JSON.parse", "stock"),
    ]
  },
}
