/** A listening server that is held: its sockets, whether it accepts, who hears of its connections. */
import { rpcError } from "../../protocol/errors.ts"
import type { RequestResult } from "../../protocol/registry.ts"
import type { Recipient } from "./recipient.ts"

export type ServerInfo = RequestResult<"server/getInfo">
export type Address = ServerInfo["sockets"][number]

/** A socket that listens: how it is closed, and where it is bound. */
export interface ListeningSocket {
  readonly server: { close(): void }
  readonly address: Address
}

export interface ServerHoldingOptions {
  readonly id: number
  readonly name: string | undefined
  readonly lifetime: "client" | "daemon"
  readonly owner: Recipient
  /** Opens the listening sockets. */
  listen(): Promise<readonly ListeningSocket[]>
  /** Called once, when it is closed. */
  ended(): void
}

export class ServerHolding {
  readonly id: number
  readonly name: string | undefined
  readonly lifetime: "client" | "daemon"
  readonly #options: ServerHoldingOptions
  #owner: Recipient | null
  #sockets: readonly ListeningSocket[] = []
  #starting: Promise<void> | null = null
  #closed = false
  #connections = 0

  constructor(options: ServerHoldingOptions) {
    this.#options = options
    this.id = options.id
    this.name = options.name
    this.lifetime = options.lifetime
    this.#owner = options.owner
    options.owner.possessions.addServer(this)
  }

  /** Who hears of its connections; null while nobody does, and they are held for who comes. */
  get owner(): Recipient | null {
    return this.#owner
  }

  get sockets(): Address[] {
    return this.#sockets.map(({ address }) => address)
  }

  get isServing(): boolean {
    return this.#sockets.length > 0
  }

  /** Opens the sockets; again, no effect. Fails with what the system said, and can then be tried again. */
  startServing(): Promise<void> {
    this.#starting ??= this.#start().finally(() => (this.#starting = null))
    return this.#starting
  }

  /** Closes the listening sockets; connections live on. Again: no effect. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { server } of this.#sockets) server.close()
    this.#sockets = []
    this.#owner?.possessions.removeServer(this)
    this.#options.ended()
  }

  /** From now on `recipient` hears of its connections. Throws NotOwner unless nobody did, or it `steals` it. */
  attach(recipient: Recipient, steal: boolean): void {
    if (this.#owner !== null && this.#owner !== recipient && !steal) {
      throw rpcError("NotOwner", `server ${this.id} belongs to another client; steal it`, { transport: this.id })
    }
    if (this.#owner !== recipient) {
      this.#owner?.notify("transport/detached", { transport: this.id, by: recipient.id })
      this.#owner?.possessions.removeServer(this)
    }
    this.#owner = recipient
    recipient.possessions.addServer(this)
  }

  /** `recipient` leaves: the server goes on without an owner, or ends with its client. */
  detach(recipient: Recipient): void {
    if (this.#owner !== recipient) return
    if (this.lifetime === "client") return this.close()
    this.#owner = null
    recipient.possessions.removeServer(this)
  }

  /** Counts a connection, and its end. */
  connected(): void {
    this.#connections++
  }

  disconnected(): void {
    this.#connections--
  }

  describe(): ServerInfo {
    return {
      server: this.id,
      ...(this.name !== undefined && { name: this.name }),
      clientId: this.#owner?.id ?? null,
      lifetime: this.lifetime,
      sockets: this.sockets,
      serving: this.isServing,
      connections: this.#connections,
    }
  }

  async #start(): Promise<void> {
    if (this.isServing || this.#closed) return
    const sockets = await this.#options.listen()
    if (this.#closed) for (const { server } of sockets) server.close()
    else this.#sockets = sockets
  }
}
