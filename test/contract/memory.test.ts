/** The stream contract over the pair in memory. */
import type { Duplex } from "node:stream"
import { memoryPair } from "../../daemon/transports/memory.ts"
import { NodeStream } from "../../daemon/transports/stream.ts"
import { streamContract } from "./streams.ts"

let ends: Duplex[] = []
const noReset = "memory has no resets: a destroyed end says nothing to the other one"

streamContract({
  name: "memory",
  async make(events) {
    const [near, remote] = memoryPair()
    ends = [near, remote]
    return { transport: new NodeStream(near, events), remote }
  },
  async cleanup() {
    for (const end of ends) end.destroy()
  },
  skips: {
    "a reset is lost once, with its error": noReset,
    "writing to a remote that is gone is lost once, with an error": noReset,
  },
})
