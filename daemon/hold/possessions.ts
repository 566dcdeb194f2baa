/** What one client owns, and how all of it ends when the client goes: gracefully up to a deadline, then by force. */
import { rpcError } from "../../protocol/errors.ts"
import type { Clock } from "../clock.ts"
import type { ProcessTransport } from "../transports/process.ts"
import type { Holding } from "./holding.ts"
import type { ServerHolding } from "./serverHolding.ts"

export interface Deadlines {
  /** How long streams may flush. */
  readonly closeMs: number
  /** How long process groups have between SIGTERM and SIGKILL. */
  readonly killMs: number
}

export class Possessions {
  readonly #limit: number
  readonly #holdings = new Set<Holding>()
  readonly #servers = new Set<ServerHolding>()
  /** Processes whose group may have members left: grandchildren outlive the transport, not the client. */
  readonly #groups = new Set<ProcessTransport>()
  #emptied = (): void => {}
  #abandoned = false

  /** @param limit most transports and servers at once. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Throws LimitExceeded when there is no room for one more. */
  checkRoom(): void {
    const used = this.#holdings.size + this.#servers.size
    if (used < this.#limit) return
    const message = `this client has ${used} transports and servers, which is all it may have; close some first`
    throw rpcError("LimitExceeded", message, { limit: this.#limit, used, unit: "transports" })
  }

  get hasRoom(): boolean {
    return this.#holdings.size + this.#servers.size < this.#limit
  }

  /** What comes about when its client is gone already is ended at once. */
  add(holding: Holding): void {
    this.#holdings.add(holding)
    if (this.#abandoned) holding.abort()
  }

  remove(holding: Holding): void {
    this.#holdings.delete(holding)
    if (this.#holdings.size === 0) this.#emptied()
  }

  addServer(server: ServerHolding): void {
    this.#servers.add(server)
    if (this.#abandoned) server.close()
  }

  removeServer(server: ServerHolding): void {
    this.#servers.delete(server)
  }

  /** The group of `process` ends with this client, also after the process itself. */
  addGroup(process: ProcessTransport): void {
    for (const other of this.#groups) if (!other.signalGroup(0)) this.#groups.delete(other)
    this.#groups.add(process)
  }

  /** Ends everything; resolves when nothing is left. */
  async abandon(clock: Clock, { closeMs, killMs }: Deadlines): Promise<void> {
    this.#abandoned = true
    for (const server of this.#servers) server.close()
    for (const holding of this.#holdings) holding.abandon()
    for (const process of this.#groups) process.signalGroup("SIGTERM")
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

  /** Members of a group that are not our children say nothing when they end: a look at the deadline has to do. */
  #groupsGone(clock: Clock, killMs: number): Promise<void> {
    const anyLeft = (): boolean => [...this.#groups].some((process) => process.signalGroup(0))
    if (!anyLeft()) return Promise.resolve()
    return new Promise((resolve) => {
      const startedMs = clock.nowMs()
      const look = (): void => {
        if (!anyLeft()) return resolve()
        if (clock.nowMs() - startedMs < killMs) return void clock.after(Math.min(50, killMs), look)
        for (const process of this.#groups) process.signalGroup("SIGKILL")
        resolve()
      }
      clock.after(Math.min(50, killMs), look)
    })
  }
}
