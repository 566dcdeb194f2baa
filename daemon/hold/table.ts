/**
 * All that the daemon holds, by id and by name. Ids come from one counter and are never reused; a name is free again
 * when its bearer has ended. Remembers for a while how transports ended, so that late messages get a true answer.
 */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { MAX_RETAINED_ENDED } from "../../protocol/limits.ts"
import { brokenTransport, closedTransport } from "../failures.ts"
import type { Channel } from "./channel.ts"
import type { Ending, Holding } from "./holding.ts"
import type { Recipient } from "./recipient.ts"
import { Row } from "./row.ts"
import type { ServerHolding } from "./serverHolding.ts"

/** How many ended transports are remembered. */
const REMEMBERED_ENDINGS = 4096

/** Of those that are kept and still read, how many are passed over for each that ends. */
const LOOKS = 8

export type Ref = number | string

/** What a `transport` param names: a holding, and the channel where one is meant. */
export interface Target {
  readonly holding: Holding
  /** A stream's own, or the pipe named; undefined for a process itself. */
  readonly channel: Channel | undefined
}

export class Table {
  readonly #holdings = new Set<Holding>()
  /** By the id of a holding, or of a channel. */
  readonly #targets = new Map<number, Target>()
  readonly #servers = new Map<number, ServerHolding>()
  readonly #ids = new Map<string, number>()
  readonly #gone = { transports: 0, receivedBytes: 0, writtenBytes: 0 }
  readonly #endings = new Map<number, Ending>()
  readonly #endingRow = new Row<number>()
  /** Over, and kept for late clients, with the bytes that each had at its end. */
  readonly #kept = new Map<Holding, number>()
  /** The same, in the order in which they give way: the oldest first, but for those that were passed over. */
  readonly #keptRow = new Row<Holding>()
  readonly #mostKeptBytes: number
  #keptBytes = 0
  #lastId = 0

  /** @param mostKeptBytes what may be kept of all that is over. */
  constructor(mostKeptBytes: number) {
    this.#mostKeptBytes = mostKeptBytes
  }

  /** The next id. */
  nextId(): number {
    return ++this.#lastId
  }

  /** Takes `name`, if there is one, for `id`. Throws NameTaken. */
  takeName(name: string | undefined, id: number): void {
    if (name === undefined) return
    const bearer = this.#ids.get(name)
    // What ended and is merely kept gives its name to who wants it, and can still be found by its id.
    const isOver = bearer !== undefined && this.#targets.get(bearer)?.holding.state === "ended"
    if (bearer !== undefined && !isOver)
      throw rpcError("NameTaken", `the name ${JSON.stringify(name)} is in use`, { name })
    this.#ids.set(name, id)
  }

  /** Gives back a name that was taken for something that did not come about, or has ended. */
  freeName(name: string | undefined, id: number): void {
    if (name !== undefined && this.#ids.get(name) === id) this.#ids.delete(name)
  }

  /** Sums over the transports that are gone. */
  get gone(): { readonly transports: number; readonly receivedBytes: number; readonly writtenBytes: number } {
    return this.#gone
  }

  /** How many holdings there are, and servers. */
  get counts(): { readonly transports: number; readonly servers: number } {
    return { transports: this.#holdings.size, servers: this.#servers.size }
  }

  add(holding: Holding): void {
    this.#holdings.add(holding)
    const own = holding.channels.find(({ id }) => id === holding.id)
    this.#targets.set(holding.id, { holding, channel: own })
    for (const channel of holding.channels) this.#targets.set(channel.id, { holding, channel })
  }

  /** `holding` is over and kept; beyond the bounds the oldest give way, but none that its owner still reads. */
  keepEnded(holding: Holding): void {
    this.#kept.set(holding, holding.retainedBytes)
    this.#keptBytes += holding.retainedBytes
    this.#keptRow.push(holding)
    for (let looks = 0; looks < LOOKS && this.#keepsTooMuch;) {
      const oldest = this.#keptRow.shift()
      if (oldest === undefined) return
      if (oldest.owner === null && oldest !== holding) oldest.forget()
      else {
        // Its turn comes again. Few of these are looked at for each that ends: there may be thousands.
        this.#keptRow.push(oldest)
        looks++
      }
    }
  }

  get #keepsTooMuch(): boolean {
    return this.#kept.size > MAX_RETAINED_ENDED || this.#keptBytes > this.#mostKeptBytes
  }

  /** The daemon ends: nobody will come for what is kept. */
  forgetAll(): void {
    for (const holding of this.#kept.keys()) holding.forget()
  }

  remove(holding: Holding, ending: Ending): void {
    this.#keptBytes -= this.#kept.get(holding) ?? 0
    this.#kept.delete(holding)
    this.#keptRow.delete(holding)
    this.#holdings.delete(holding)
    for (const { received, written, moved } of holding.describe().channels) {
      this.#gone.receivedBytes += received
      this.#gone.writtenBytes += written + moved
    }
    this.#gone.transports++
    for (const id of [holding.id, ...holding.channels.map((channel) => channel.id)]) {
      this.#targets.delete(id)
      this.#endings.set(id, ending)
      this.#endingRow.push(id)
    }
    this.freeName(holding.name, holding.id)
    while (this.#endingRow.length > REMEMBERED_ENDINGS) this.#endings.delete(this.#endingRow.shift() as number)
  }

  addServer(server: ServerHolding): void {
    this.#servers.set(server.id, server)
  }

  removeServer(server: ServerHolding): void {
    this.#servers.delete(server.id)
    this.freeName(server.name, server.id)
  }

  /** What `ref` names. Throws UnknownTransport, or how it ended: TransportClosed or TransportBroken. */
  find(ref: Ref): Target {
    const id = this.#idOf(ref)
    const target = id === undefined ? undefined : this.#targets.get(id)
    if (target === undefined) throw this.#missing(ref, id)
    return target
  }

  /**
   * How the transport ended that `ref` names; undefined while it is open, and when it never was. One that is kept for
   * late clients has ended for all but those that are attached and have not heard it all.
   */
  ending(ref: Ref, recipient: Recipient): Ending | undefined {
    const id = this.#idOf(ref)
    if (id === undefined) return undefined
    const holding = this.#targets.get(id)?.holding
    if (holding === undefined) return this.#endings.get(id)
    return holding.attachmentOf(recipient) === undefined ? (holding.ended ?? undefined) : undefined
  }

  /** The server that `ref` names. Throws UnknownTransport. */
  findServer(ref: Ref): ServerHolding {
    const id = this.#idOf(ref)
    const server = id === undefined ? undefined : this.#servers.get(id)
    if (server === undefined) throw unknown("server", ref)
    return server
  }

  /** Whether `ref` is the id of a server that is closed. */
  wasServer(ref: Ref): boolean {
    if (typeof ref !== "number" || ref > this.#lastId) return false
    return !this.#servers.has(ref) && !this.#targets.has(ref) && !this.#endings.has(ref)
  }

  holdings(): Iterable<Holding> {
    return this.#holdings
  }

  servers(): Iterable<ServerHolding> {
    return this.#servers.values()
  }

  #idOf(ref: Ref): number | undefined {
    return typeof ref === "number" ? ref : this.#ids.get(ref)
  }

  #missing(ref: Ref, id: number | undefined): RpcError {
    const ending = id === undefined ? undefined : this.#endings.get(id)
    return ending === undefined || id === undefined ? unknown("transport", ref) : endError(id, ending)
  }
}

/** What an operation on a transport that ended fails with. */
export function endError(id: number, { broken, errno }: Ending): RpcError {
  return broken ? brokenTransport(id, errno) : closedTransport(id)
}

function unknown(what: "transport" | "server", ref: Ref): RpcError {
  return rpcError("UnknownTransport", `there is no ${what} ${JSON.stringify(ref)}`, { transport: ref })
}
