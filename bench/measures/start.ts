/** From nothing to an answered `initialize` over stdio, beside a Node that does nothing. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { FrameReader, FrameWriter } from "transportd/protocol"
import type { Message } from "vscode-jsonrpc/node"
import type { Measure } from "../measure.ts"
import { COMMAND } from "../processes.ts"
import { interleaved, medians } from "../statistics.ts"

export const start: Measure = {
  name: "start",
  async run(_field, { rounds }) {
    const times = { daemon: startDaemon, "node -e 0": startNothing }
    const took = await interleaved(["daemon", "node -e 0"] as const, rounds * 3, (name) => times[name]())
    const { daemon: figure, "node -e 0": reference } = medians(took)
    const row = { what: "start until `initialize` is answered", unit: "ms" }
    return [{ ...row, of: "daemon", to: "node -e 0", figure, reference, goal: { atMost: 2.5 } }]
  },
}

async function startDaemon(): Promise<number> {
  const startMs = performance.now()
  const child = spawn(process.execPath, [COMMAND, "stdio"], { stdio: ["pipe", "pipe", "inherit"] })
  const writer = new FrameWriter(child.stdin, { framing: "header" })
  void writer.write({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: 1 },
  } as unknown as Message)
  await new Promise<void>((resolve) => new FrameReader(child.stdout, { framing: "header" }).listen(() => resolve()))
  const took = performance.now() - startMs
  child.stdin.end()
  await once(child, "exit")
  return took
}

async function startNothing(): Promise<number> {
  const startMs = performance.now()
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit")
  return performance.now() - startMs
}
