/** Messages of 4 KiB, echoed. */
import { compare, type Measure } from "../measure.ts"
import { interleaved, seconds } from "../statistics.ts"
import { echoed } from "../traffic.ts"

const PIECE = 4096
const MESSAGES = { relay: 40_000, daemon: 40_000, "daemon, JSON": 15_000, stock: 5000 }
const NAMES = Object.keys(MESSAGES) as Array<keyof typeof MESSAGES>

export const smallMessages: Measure = {
  name: "smallMessages",
  about: "messages of 4 KiB there and back",
  async run(field, { rounds, share }) {
    const ways = await field.ways(NAMES)
    const rates = await interleaved(NAMES, rounds, async (name) => {
      const messages = Math.ceil(MESSAGES[name] * share)
      return messages / (await seconds(() => echoed(ways[name], { total: messages * PIECE, piece: PIECE })))
    })
    const row = compare("echo, 4 KiB", "messages/s", rates)
    return [row("daemon", "stock", { atLeast: 6 }), row("daemon", "relay"), row("daemon, JSON", "stock")]
  },
}
