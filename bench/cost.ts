/** What moving bytes costs: time, which the machine's other work stretches, and processor time, which it hardly does. */
import { compare, type Goal, type Row } from "./measure.ts"
import { cpuSeconds } from "./processes.ts"
import { each, seconds } from "./statistics.ts"
import type { Way } from "./ways/way.ts"

export interface Cost {
  /** MB/s. */
  readonly rate: number
  /** Processor seconds per GB of the processes between client and remote. */
  readonly between: number
  /** The same of this process, which is the client. */
  readonly client: number
}

/** Runs `move`, which moves `bytes` over `way`. */
export async function costOf(way: Way, bytes: number, move: () => Promise<unknown>): Promise<Cost> {
  let took = 0
  const { between, client } = await processorOf(way, async () => (took = await seconds(move)))
  const gigabytes = bytes / 1e9
  return { rate: bytes / 1e6 / took, between: between / gigabytes, client: client / gigabytes }
}

/** Processor seconds that `run` takes over `way`: of the processes between client and remote, and of this, the client. */
export async function processorOf(
  way: Way,
  run: () => Promise<unknown>,
): Promise<{ readonly between: number; readonly client: number }> {
  const between = (): number => way.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const [before, clientBefore] = [between(), process.cpuUsage()]
  await run()
  const { user, system } = process.cpuUsage(clientBefore)
  return { between: between() - before, client: (user + system) / 1e6 }
}

/** Rows of MB/s and of processor time. */
export class CostTable<Name extends string> {
  readonly #what: string
  readonly #costs: Readonly<Record<Name, readonly Cost[]>>

  constructor(what: string, costs: Readonly<Record<Name, readonly Cost[]>>) {
    this.#what = what
    this.#costs = costs
  }

  rate(of: Name, to: Name, goal?: Goal): Row {
    return compare(
      this.#what,
      "MB/s",
      each(this.#costs, ({ rate }) => rate),
    )(of, to, goal)
  }

  /** Processor time of what is between, and of the client. */
  cpu(of: Name, to: Name): Row[] {
    const between = each(this.#costs, (cost) => cost.between)
    const client = each(this.#costs, (cost) => cost.client)
    return [
      compare(`${this.#what}: processor, between`, "s/GB", between)(of, to),
      compare(`${this.#what}: processor, client`, "s/GB", client)(of, to),
    ]
  }
}
