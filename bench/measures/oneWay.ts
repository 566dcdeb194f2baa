/** One direction at a time: all to the remote, all from it. */
import type { Measure } from "../measure.ts"
import { interleaved, medians, seconds } from "../statistics.ts"
import { sourced, sunk } from "../traffic.ts"

const PIECE = 65_536
const PIECES = 4000
const NAMES = ["no daemon", "relay", "daemon"] as const

export const oneWay: Measure = {
  name: "oneWay",
  async run({ ways }, { rounds, share }) {
    const total = Math.ceil(PIECES * share) * PIECE
    const directions = {
      "to the remote, 64 KiB": (name: (typeof NAMES)[number]) => sunk(ways[name], { total, piece: PIECE }),
      "from the remote": (name: (typeof NAMES)[number]) => sourced(ways[name], total),
    }
    const rows = []
    for (const [what, move] of Object.entries(directions)) {
      const rates = await interleaved(NAMES, rounds, async (name) => total / 1e6 / (await seconds(() => move(name))))
      const rate = medians(rates)
      const row = { what, unit: "MB/s", of: "daemon", figure: rate.daemon }
      rows.push(
        { ...row, to: "relay", reference: rate.relay, goal: { atLeast: 0.95 } },
        { ...row, to: "no daemon", reference: rate["no daemon"] },
      )
    }
    return rows
  },
}
