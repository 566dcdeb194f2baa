/** One request and its answer, beside the same of vscode-jsonrpc as it comes. */
import { compare, type Measure } from "../measure.ts"
import { interleaved, percentile } from "../statistics.ts"

const NAMES = ["daemon", "stock"] as const

export const request: Measure = {
  name: "request",
  about: "a request and its answer",
  async run(field, { rounds, share }) {
    const times = Math.ceil(2000 * share)
    const { daemon, stock } = await field.ways(NAMES)
    const ask = {
      daemon: () => daemon.client.request("daemon/info", {}),
      stock: () => stock.connection.sendRequest("echo", { text: "about as long as the answer".repeat(8) }),
    }
    const took = await interleaved(NAMES, rounds, async (name) => {
      const all: number[] = []
      for (let time = 0; time < times; time++) {
        const startMs = performance.now()
        await ask[name]()
        all.push((performance.now() - startMs) * 1000)
      }
      return percentile(all, 50)
    })
    return [compare("request, p50", "µs", took)("daemon", "stock", { atMost: 0.6 })]
  },
}
