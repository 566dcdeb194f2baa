/** Looks at the same costs at one size after the other, and makes of them how each grows: of all rounds the least. */
import type { Effort, Goal, Growth } from "../measure.ts"
import { cpuSeconds } from "../processes.ts"
import { seconds } from "../statistics.ts"

/** What is wanted of every cost of one: that it stays. Twice is noise and caches, ten times would be quadratic. */
const GOAL: Goal = { atMost: 2 }

/** More change nothing: the largest size takes long, and the least of a few is near what it can be. */
const MOST_ROUNDS = 3

interface Cost {
  readonly unit: string
  readonly cost: number
  readonly goal?: Goal
}

/** Costs of one, by what it is a cost of, in the daemon whose process is `pid`. */
export class Costs {
  readonly all = new Map<string, Cost>()
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  set(what: string, unit: string, cost: number): void {
    this.all.set(what, { unit, cost, goal: GOAL })
  }

  /** Processor time of the daemon for one of `count`, when `action` does them all: what others do hardly counts. */
  async processor(what: string, count: number, action: () => Promise<unknown>): Promise<void> {
    const before = cpuSeconds(this.#pid)
    await action()
    this.set(what, "µs", ((cpuSeconds(this.#pid) - before) * 1e6) / count)
  }

  /** The same, and how long it takes by the clock: for the record, since the client and the remote are in it too. */
  async both(what: string, count: number, action: () => Promise<unknown>): Promise<void> {
    const took = await seconds(() => this.processor(what, count, action))
    this.all.set(`${what}, by the clock`, { unit: "µs", cost: (took * 1e6) / count })
  }
}

export async function growths(
  per: string,
  sizes: readonly number[],
  { rounds }: Effort,
  look: (size: number) => Promise<Costs>,
): Promise<Growth[]> {
  const found = new Map<string, { like: Cost; at: Map<number, number> }>()
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) {
    for (const size of sizes) {
      for (const [what, like] of (await look(size)).all) {
        const { at } = found.get(what) ?? found.set(what, { like, at: new Map() }).get(what)!
        at.set(size, Math.min(like.cost, at.get(size) ?? Number.POSITIVE_INFINITY))
      }
    }
  }
  return [...found].map(([what, { like, at }]) => ({
    what,
    unit: like.unit,
    per,
    costs: [...at].map(([size, cost]) => ({ size, cost })),
    ...(like.goal !== undefined && { goal: like.goal }),
  }))
}
