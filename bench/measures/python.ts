/** The Python client beside asyncio alone: the same program on either loop, against the same remote. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { compare, Unavailable, type Measure } from "../measure.ts"
import { COMMAND } from "../processes.ts"
import { interleaved, percentile } from "../statistics.ts"

const NAMES = ["Python on the daemon", "asyncio"] as const
type Name = (typeof NAMES)[number]

/** From where it is built: the program itself is not compiled. */
const PROGRAM = fileURLToPath(new URL("../../../bench/roles/python.py", import.meta.url))

export const python: Measure = {
  name: "python",
  about: "the Python client, beside asyncio alone",
  async run(field, { rounds, share }) {
    if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).status !== 0) {
      throw new Unavailable("there is no python3 from 3.11 on")
    }
    const loops: Record<Name, Loop> = {
      "Python on the daemon": start("transportd", field.ports.echo),
      asyncio: start("asyncio", field.ports.echo),
    }
    const take = (action: string, times: number): Promise<Record<Name, number[]>> =>
      interleaved(NAMES, rounds, async (name) =>
        percentile(await loops[name].ask(action, Math.ceil(times * share)), 50),
      )
    try {
      const [daemon, alone] = NAMES
      const roundTrips = await take("roundTrips", 2000)
      const echo = await take("echo", 1000)
      const many = await take("many", 40)
      const inMB = (bytes: Record<Name, number[]>): Record<Name, number[]> => ({
        [daemon]: bytes[daemon].map((each) => each / 1e6),
        [alone]: bytes[alone].map((each) => each / 1e6),
      })
      return [
        compare("Python: round trip, 64 B, p50", "µs", roundTrips)(daemon, alone),
        compare("Python: echo, 64 KiB", "MB/s", inMB(echo))(daemon, alone),
        compare("Python: 500 connections, 64 B", "round trips/s", many)(daemon, alone),
      ]
    } finally {
      await Promise.all(NAMES.map((name) => loops[name].end()))
    }
  },
}

interface Loop {
  ask(action: string, times: number): Promise<number[]>
  end(): Promise<void>
}

function start(way: "transportd" | "asyncio", port: number): Loop {
  const env = { ...process.env, TRANSPORTD_COMMAND: `${process.execPath} ${COMMAND} stdio --framing=header` }
  const child = spawn("python3", [PROGRAM, way, String(port)], { stdio: ["pipe", "pipe", "inherit"], env })
  const lines = createInterface(child.stdout)
  return {
    async ask(action, times) {
      child.stdin.write(`${JSON.stringify({ action, times })}\n`)
      const [line] = (await once(lines, "line")) as [string]
      return JSON.parse(line) as number[]
    },
    async end() {
      child.stdin.end()
      await once(child, "exit")
    },
  }
}
