/** Echo throughput at 64 KiB writes, over every way. */
import type { Measure } from "../measure.ts"
import { interleaved, medians, seconds } from "../statistics.ts"
import { echoed } from "../traffic.ts"
import type { WayName } from "../field.ts"

const PIECE = 65_536
/** Slow ways move less, so that a round takes about as long. */
const PIECES: Readonly<Record<WayName, number>> = {
  "no daemon": 3000,
  relay: 3000,
  daemon: 3000,
  "daemon, JSON": 1000,
  stock: 400,
}

export const echo: Measure = {
  name: "echo",
  async run({ ways }, { rounds, share }) {
    const names = Object.keys(ways) as WayName[]
    const rates = await interleaved(names, rounds, async (name) => {
      const total = Math.ceil(PIECES[name] * share) * PIECE
      return total / 1e6 / (await seconds(() => echoed(ways[name], { total, piece: PIECE })))
    })
    const rate = medians(rates)
    const row = { what: "echo, 64 KiB", unit: "MB/s" }
    const daemon = { ...row, of: "daemon", figure: rate.daemon }
    const json = { ...row, of: "daemon, JSON", figure: rate["daemon, JSON"] }
    return [
      { ...daemon, to: "relay", reference: rate.relay, goal: { atLeast: 0.95 } },
      { ...daemon, to: "no daemon", reference: rate["no daemon"] },
      { ...daemon, to: "stock", reference: rate.stock },
      { ...json, to: "stock", reference: rate.stock, goal: { atLeast: 2.5 } },
    ]
  },
}
