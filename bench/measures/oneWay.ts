/** One direction at a time: all to the remote, all from it. */
import { costOf, CostTable } from "../cost.ts"
import type { Measure, Row } from "../measure.ts"
import { interleaved } from "../statistics.ts"
import { sourced, sunk } from "../traffic.ts"
import type { Way } from "../ways/way.ts"

const PIECE = 65_536
const PIECES = 12_000
const NAMES = ["no daemon", "relay", "daemon", "daemon, 64 KiB marks"] as const
/** Only from the remote: to it nothing is read, into no buffer whatever. */
const OWN_BUFFER_NAMES = ["relay, own buffer", "daemon, own buffer"] as const

export const oneWay: Measure = {
  name: "oneWay",
  about: "bytes in one direction: all to the remote, all from it",
  async run(field, { rounds, share }) {
    const ways = await field.ways([...NAMES, ...OWN_BUFFER_NAMES])
    const total = Math.ceil(PIECES * share) * PIECE
    const measured = async <Name extends keyof typeof ways>(
      what: string,
      names: readonly Name[],
      move: (way: Way) => Promise<void>,
    ): Promise<CostTable<Name>> =>
      new CostTable(what, await interleaved(names, rounds, (name) => costOf(ways[name], total, () => move(ways[name]))))

    const to = await measured("to the remote, 64 KiB", NAMES, (way) => sunk(way, { total, piece: PIECE }))
    const from = await measured("from the remote", [...NAMES, ...OWN_BUFFER_NAMES], (way) => sourced(way, total))
    return [...rowsOf(to), ...rowsOf(from), from.rate("daemon, own buffer", "relay, own buffer", { atLeast: 0.95 })]
  },
}

function rowsOf(table: CostTable<(typeof NAMES)[number]>): Row[] {
  return [
    table.rate("daemon", "relay", { atLeast: 0.95 }),
    ...table.cpu("daemon", "relay"),
    table.rate("daemon", "no daemon"),
    table.rate("daemon, 64 KiB marks", "relay"),
  ]
}
