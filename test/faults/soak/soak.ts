/**
 * Clients of one daemon that do what comes to their minds, seeded: open, write, attach, watch, steal, leave, die.
 * Every answer, callback and byte is checked on the way; at the end nothing may be left in the daemon's lists.
 * Knows neither the test runner nor how the daemon was started.
 */
import { once } from "node:events"
import { connect as connectSocket } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { RawClient } from "../../support/client.ts"
import { IdLedger } from "../../support/grammar.ts"
import type { Random } from "../../support/random.ts"
import { SoakClient } from "./client.ts"
import { flawOfList, OPERATIONS, sweep, type Ground } from "./operations.ts"
import { Remotes } from "./remotes.ts"

const MAX_CLIENTS = 10
/** After so many operations a client leaves: all that it heard is kept until then. */
const MAX_OPERATIONS_OF_ONE = 150
/** Looks at what is left, 5 ms apart, before it counts as left for ever. */
const LOOKS = 4_000

const TOTAL_WEIGHT = OPERATIONS.reduce((sum, [, , weight]) => sum + weight, 0)

export class Soak {
  /** What was wrong; the first ends the run. */
  readonly flaws: string[] = []
  /** The last operations, the latest at the end. */
  readonly recent: string[] = []
  operations = 0
  readonly #socket: string
  readonly #random: Random
  readonly #ledger = new IdLedger()
  readonly #remotes = new Remotes((what) => this.flaws.push(what))
  readonly #clients = new Map<SoakClient, { readonly number: number; operations: number }>()
  /** What goes on beside the operations. */
  readonly #beside: Array<Promise<unknown>> = []
  readonly #ground: Ground
  #connected = 0

  constructor(socket: string, random: Random) {
    this.#socket = socket
    this.#random = random
    let last = 0
    this.#ground = {
      remotes: this.#remotes,
      chance: (probability) => random() < probability,
      between: (from, to) => from + Math.floor(random() * (to - from)),
      oneOf: (items) => items[Math.floor(random() * items.length)],
      next: () => ++last,
    }
  }

  /** One operation after the other while `goesOn` says so, up to the first flaw; then everything is ended. */
  async run(goesOn: () => boolean): Promise<void> {
    await this.#remotes.open()
    while (goesOn() && this.flaws.length === 0) await this.#step()
    await this.#end()
  }

  async #step(): Promise<void> {
    const { chance, oneOf } = this.#ground
    if (this.#clients.size < 2 || (this.#clients.size < MAX_CLIENTS && chance(0.05))) await this.#connect()
    const [client, life] = oneOf([...this.#clients]) as [SoakClient, { number: number; operations: number }]
    const [name, operation] = this.#chosen(++life.operations > MAX_OPERATIONS_OF_ONE)
    this.operations++
    this.recent.push(`client ${life.number}: ${name}`)
    if (this.recent.length > 40) this.recent.shift()
    // One that reads nothing gets no answers: nobody waits for them.
    const done = operation(client, this.#ground)
    if (client.stalled) this.#beside.push(Promise.resolve(done))
    else await done
    // Often many things happen before anything is heard.
    const hears = !client.stalled && !client.left
    if (chance(0.3) && hears) await client.ask("test/barrier", {})
    if (chance(0.05) && hears) {
      const flaw = await flawOfList(client)
      if (flaw !== null) this.flaws.push(flaw)
    }
    this.#judge(client)
    if (!client.raw.isClosed && !client.left) return
    this.#clients.delete(client)
    this.#beside.push(client.raw.closed.then(() => this.#judge(client)))
  }

  #chosen(mustLeave: boolean): (typeof OPERATIONS)[number] {
    let at = this.#random() * TOTAL_WEIGHT
    const chosen = OPERATIONS.find(([, , weight]) => (at -= weight) < 0) ?? OPERATIONS[0]!
    return mustLeave ? OPERATIONS.find(([name]) => name === "leave")! : chosen
  }

  #judge({ raw: { grammar } }: SoakClient): void {
    if (grammar.violations.length === 0) return
    this.flaws.push(...grammar.violations.splice(0), ...grammar.trace.slice(-30).map((line) => `  ${line}`))
  }

  async #connect(): Promise<SoakClient> {
    const { chance } = this.#ground
    const socket = connectSocket({ path: this.#socket, allowHalfOpen: true })
    await once(socket, "connect")
    const raw = new RawClient(socket, { ledger: this.#ledger })
    const client = new SoakClient(raw, (what) => this.flaws.push(what))
    const [flowControl, byteMessages] = [chance(0.7), chance(0.7)]
    raw.flowControl = flowControl
    await raw.request("initialize", { protocolVersion: 1, capabilities: { flowControl, byteMessages } })
    raw.byteMessages = byteMessages
    raw.notify("initialized")
    this.#clients.set(client, { number: ++this.#connected, operations: 0 })
    return client
  }

  async #end(): Promise<void> {
    const left = [...this.#clients.keys()]
    for (const client of left) {
      client.raw.resume()
      client.raw.destroy()
      await client.raw.closed
      this.#judge(client)
    }
    await Promise.all(this.#beside)
    const janitor = await this.#connect()
    let looks = 0
    while (!(await sweep(janitor)) && looks++ < LOOKS) await delay(5)
    if (looks >= LOOKS) this.flaws.push(`left: ${JSON.stringify(await janitor.ask("transport/list", {}))}`)
    this.#judge(janitor)
    janitor.raw.destroy()
    await janitor.raw.closed
    await this.#remotes.close()
  }
}
