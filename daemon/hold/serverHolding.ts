/** A listening server that a client holds: its sockets, whether it accepts, and how many connections it made. */
import type { Server } from "node:net"
import type { RequestResult } from "../../protocol/registry.ts"
import type { Recipient } from "./recipient.ts"

export type ServerInfo = RequestResult<"server/getInfo">
export type Address = ServerInfo["sockets"][number]

export interface ServerHoldingOptions {
  readonly id: number
  readonly name: string | undefined
  readonly owner: Recipient
  /** Opens the listening sockets. */
  listen(): Promise<ReadonlyArray<{ readonly server: Server; readonly address: Address }>>
  ended(): void
}

export class ServerHolding {
  readonly id: number
  readonly name: string | undefined
  readonly owner: Recipient
  readonly #options: ServerHoldingOptions
  #sockets: ReadonlyArray<{ readonly server: Server; readonly address: Address }> = []
  #starting: Promise<void> | null = null
  #closed = false
  #connections = 0

  constructor(options: ServerHoldingOptions) {
    this.#options = options
    this.id = options.id
    this.name = options.name
    this.owner = options.owner
  }

  get sockets(): Address[] {
    return this.#sockets.map(({ address }) => address)
  }

  get isServing(): boolean {
    return this.#sockets.length > 0
  }

  get isClosed(): boolean {
    return this.#closed
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
    this.#options.ended()
  }

  /** Counts a connection; the returned function counts its end. */
  connected(): () => void {
    this.#connections++
    return () => this.#connections--
  }

  describe(): ServerInfo {
    return {
      server: this.id,
      ...(this.name !== undefined && { name: this.name }),
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
