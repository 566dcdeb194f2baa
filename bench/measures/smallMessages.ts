/** Messages of 4 KiB, echoed. */
import type { Measure } from "../measure.ts"
import { interleaved, medians, seconds } from "../statistics.ts"
import { echoed } from "../traffic.ts"

const PIECE = 4096
const MESSAGES = { relay: 40_000, daemon: 40_000, "daemon, JSON": 15_000, stock: 5000 }
const NAMES = ["relay", "daemon", "daemon, JSON", "stock"] as const

export const smallMessages: Measure = {
  name: "smallMessages",
  async run({ ways }, { rounds, share }) {
    const rates = await interleaved(NAMES, rounds, async (name) => {
      const messages = Math.ceil(MESSAGES[name] * share)
      return messages / (await seconds(() => echoed(ways[name], { total: messages * PIECE, piece: PIECE })))
    })
    const rate = medians(rates)
    const row = { what: "echo, 4 KiB", unit: "messages/s" }
    const daemon = { ...row, of: "daemon", figure: rate.daemon }
    const json = { ...row, of: "daemon, JSON", figure: rate["daemon, JSON"] }
    return [
      { ...daemon, to: "stock", reference: rate.stock, goal: { atLeast: 6 } },
      { ...daemon, to: "relay", reference: rate.relay },
      { ...json, to: "stock", reference: rate.stock },
    ]
  },
}
