/** Child processes, beside Node's own child_process: starting many, and one that writes a lot. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Client, SubprocessProtocol } from "transportd/client"
import { compare, type Measure } from "../measure.ts"
import { interleaved, seconds } from "../statistics.ts"

const NAMES = ["daemon", "child_process"] as const
const AT_A_TIME = 16
const COMMANDS = 320
const OUTPUT_BYTES = 1_000_000_000

/** Runs `command` to its end; the number of bytes it wrote. */
type Run = (command: readonly [string, ...string[]]) => Promise<number>

export const processes: Measure = {
  name: "processes",
  about: "child processes: many short ones, and one that writes a lot",
  async run(field, { rounds, share }) {
    const { client } = await field.way("daemon")
    const run: Record<(typeof NAMES)[number], Run> = {
      daemon: (command) => runThrough(client, command),
      child_process: runDirectly,
    }
    const commands = Math.ceil(COMMANDS * share)
    const starts = await interleaved(NAMES, rounds, async (name) => {
      let left = commands
      const worker = async (): Promise<void> => {
        while (left-- > 0) await run[name](["true"])
      }
      return commands / (await seconds(() => Promise.all(Array.from({ length: AT_A_TIME }, worker))))
    })
    const total = Math.ceil(OUTPUT_BYTES * share)
    const outputs = await interleaved(NAMES, rounds, async (name) => {
      const took = await seconds(async () => {
        const bytes = await run[name](["head", "-c", String(total), "/dev/zero"])
        if (bytes !== total) throw new Error(`${bytes} of ${total} bytes came`)
      })
      return total / 1e6 / took
    })
    const started = compare(`start and collect \`true\`, ${AT_A_TIME} at a time`, "processes/s", starts)
    const written = compare("output of a process, 1 GB", "MB/s", outputs)
    return [started("daemon", "child_process", { atLeast: 0.85 }), written("daemon", "child_process", { atLeast: 0.8 })]
  },
}

class Collector implements SubprocessProtocol {
  bytes = 0
  readonly #ended: () => void

  constructor(ended: () => void) {
    this.#ended = ended
  }

  pipeDataReceived(_fd: number, data: Buffer): void {
    this.bytes += data.length
  }

  connectionLost(): void {
    this.#ended()
  }
}

async function runThrough({ loop }: Client, command: readonly [string, ...string[]]): Promise<number> {
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => (end = resolve))
  const [, protocol] = await loop.subprocessExec(() => new Collector(end), command)
  await ended
  return protocol.bytes
}

async function runDirectly([program, ...args]: readonly [string, ...string[]]): Promise<number> {
  const child = spawn(program, args)
  let bytes = 0
  child.stdout.on("data", (data: Buffer) => (bytes += data.length))
  child.stderr.resume()
  await once(child, "close")
  return bytes
}
