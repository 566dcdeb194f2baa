/**
 * What belongs to one client, or to the daemon itself, and how all of it is let go when that one goes: gracefully up to
 * a deadline, then by force. What is kept beyond its client is merely left.
 */
import { rpcError } from "../../protocol/errors.ts"
import type { Clock } from "../clock.ts"
import type { ProcessTransport } from "../transports/process.ts"
import type { Holding } from "./holding.ts"
import type { Recipient } from "./recipient.ts"
import { Row } from "./row.ts"
import type { ServerHolding } from "./serverHolding.ts"

/** How many groups are looked at for each that is new: more than one, so that what is gone becomes less. */
const LOOKS = 2

export interface Deadlines {
  /** How long streams may flush. */
  readonly closeMs: number
  /** How long process groups have between SIGTERM and SIGKILL. */
  readonly killMs: number
}

export class Possessions {
  readonly #limit: number
  readonly #client: Recipient | null
  readonly #holdings = new Set<Holding>()
  readonly #servers = new Set<ServerHolding>()
  /** Processes whose group may have members left: grandchildren outlive the transport, not the client. */
  readonly #groups = new Row<ProcessTransport>()
  #opening = 0
  #emptied = (): void => {}
  #abandoned = false

  /**
   * @param limit most transports and servers at once.
   * @param client whose they are: what outlives it is only left. Null for the daemon's own, all of which end.
   */
  constructor(limit: number, client: Recipient | null) {
    this.#limit = limit
    this.#client = client
  }

  /** How many transports there are. */
  get size(): number {
    return this.#holdings.size
  }

  /** Whether there is nothing, and nothing is being opened. */
  get isEmpty(): boolean {
    return this.#used === 0
  }

  get hasRoom(): boolean {
    return this.#used < this.#limit
  }

  /** Keeps room for one that is being opened, until the returned function is called. Throws LimitExceeded. */
  reserve(): () => void {
    const used = this.#used
    if (!this.hasRoom) {
      const message = `there are ${used} transports and servers, which is all there may be; close some first`
      throw rpcError("LimitExceeded", message, { limit: this.#limit, used, unit: "transports" })
    }
    this.#opening++
    return () => this.#opening--
  }

  /** What comes about when its client is gone already is ended at once. */
  add(holding: Holding): void {
    this.#holdings.add(holding)
    if (this.#abandoned) this.#letGo(holding)
  }

  remove(holding: Holding): void {
    this.#holdings.delete(holding)
    if (this.#holdings.size === 0) this.#emptied()
  }

  addServer(server: ServerHolding): void {
    this.#servers.add(server)
    if (this.#abandoned) this.#letGoServer(server)
  }

  removeServer(server: ServerHolding): void {
    this.#servers.delete(server)
  }

  /** The group of `process` ends with this client, also after the process itself. */
  addGroup(process: ProcessTransport): void {
    // Each look is a system call: all take their turns, a few for each that comes.
    for (let looks = Math.min(LOOKS, this.#groups.length); looks > 0; looks--) {
      const other = this.#groups.shift()
      if (other?.signalGroup(0)) this.#groups.push(other)
    }
    this.#groups.push(process)
    void process.exited.then(() => {
      // An empty group is let go: its number may be another's by the time that the client leaves.
      if (!process.signalGroup(0)) this.#groups.delete(process)
    })
  }

  /** Ends everything; resolves when nothing is left. */
  async abandon(clock: Clock, { closeMs, killMs }: Deadlines): Promise<void> {
    this.#abandoned = true
    for (const server of this.#servers) this.#letGoServer(server)
    for (const holding of this.#holdings) this.#letGo(holding)
    for (const process of this.#groups) process.signalGroup(process.farewell)
    const groupsGone = this.#groupsGone(clock, killMs)
    if (this.#holdings.size > 0) {
      const stop = clock.after(closeMs, () => {
        for (const holding of this.#holdings) holding.abort()
      })
      await new Promise<void>((resolve) => (this.#emptied = resolve))
      stop()
    }
    await groupsGone
  }

  get #used(): number {
    return this.#holdings.size + this.#servers.size + this.#opening
  }

  #letGo(holding: Holding): void {
    if (this.#client === null) holding.abandon()
    else holding.detach(this.#client)
  }

  #letGoServer(server: ServerHolding): void {
    if (this.#client === null) server.close()
    else server.detach(this.#client)
  }

  /** Members of a group that are not our children say nothing when they end: a look at the deadline has to do. */
  #groupsGone(clock: Clock, killMs: number): Promise<void> {
    const anyLeft = (): boolean => [...this.#groups].some((process) => process.signalGroup(0))
    if (!anyLeft()) return Promise.resolve()
    return new Promise((resolve) => {
      const startedMs = clock.nowMs()
      const look = (): void => {
        if (!anyLeft()) return resolve()
        if (clock.nowMs() - startedMs < killMs) return lookAgain()
        for (const process of this.#groups) process.signalGroup("SIGKILL")
        resolve()
      }
      // Without keepAlive a daemon with nothing else to do would end here, and leave them behind.
      const lookAgain = (): void => void clock.after(Math.min(50, killMs), look, { keepAlive: true })
      lookAgain()
    })
  }
}
