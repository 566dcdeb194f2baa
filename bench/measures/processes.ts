/** Child processes, beside Node's own child_process: starting many, and one that writes a lot. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Client, SubprocessProtocol } from "transportd/client"
import type { Measure } from "../measure.ts"
import { interleaved, medians, seconds } from "../statistics.ts"

const NAMES = ["daemon", "child_process"] as const
const AT_A_TIME = 16
const COMMANDS = 320
const OUTPUT_BYTES = 256 * 1024 * 1024

/** Runs `command` to its end; the number of bytes it wrote. */
type Run = (command: readonly [string, ...string[]]) => Promise<number>

export const processes: Measure = {
  name: "processes",
  async run({ library: { client } }, { rounds, share }) {
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
    const [started, written] = [medians(starts), medians(outputs)]
    const row = { of: "daemon", to: "child_process" }
    return [
      {
        ...row,
        what: "start and collect `true`, 16 at a time",
        unit: "processes/s",
        figure: started.daemon,
        reference: started.child_process,
        goal: { atLeast: 0.85 },
      },
      {
        ...row,
        what: "output of a process, 256 MiB",
        unit: "MB/s",
        figure: written.daemon,
        reference: written.child_process,
        goal: { atLeast: 0.8 },
      },
    ]
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
