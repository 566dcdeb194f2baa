/** From nothing to an answered `initialize` over stdio, beside a Node that does nothing. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { FrameReader, FrameWriter } from "transportd/protocol"
import type { Message } from "vscode-jsonrpc/node"
import { compare, type Measure } from "../measure.ts"
import { COMMAND } from "../processes.ts"
import { interleaved } from "../statistics.ts"

const TIMES = { daemon: startDaemon, "node -e 0": startNothing }
const NAMES = Object.keys(TIMES) as Array<keyof typeof TIMES>

export const start: Measure = {
  name: "start",
  about: "from nothing to an answered `initialize`",
  async run(_field, { rounds }) {
    // One is over soon, and each is another process at another place in memory: more rounds than elsewhere.
    const took = await interleaved(NAMES, rounds * 4, (name) => TIMES[name]())
    return [compare("start until `initialize` is answered", "ms", took)("daemon", "node -e 0", { atMost: 2.5 })]
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
