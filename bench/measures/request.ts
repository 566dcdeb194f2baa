/** One request and its answer, beside the same of vscode-jsonrpc as it comes. */
import type { Measure } from "../measure.ts"
import { interleaved, medians, percentile } from "../statistics.ts"

export const request: Measure = {
  name: "request",
  async run({ library, stock }, { rounds, share }) {
    const times = Math.ceil(2000 * share)
    const ask = {
      daemon: () => library.client.request("daemon/info", {}),
      stock: () => stock.connection.sendRequest("echo", { text: "about as long as the answer".repeat(8) }),
    }
    const took = await interleaved(["daemon", "stock"] as const, rounds, async (name) => {
      const all: number[] = []
      for (let time = 0; time < times; time++) {
        const startMs = performance.now()
        await ask[name]()
        all.push((performance.now() - startMs) * 1000)
      }
      return percentile(all, 50)
    })
    const { daemon: figure, stock: reference } = medians(took)
    return [{ what: "request, p50", unit: "µs", of: "daemon", to: "stock", figure, reference, goal: { atMost: 0.6 } }]
  },
}
