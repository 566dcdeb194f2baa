/** asyncio's `Server`: a listener in the daemon whose connections each get a protocol from a factory. */
import type { RequestResult } from "../protocol/registry.ts"

export type Address = RequestResult<"loop/createServer">["sockets"][number]

/** What a server needs of the connection to the daemon. */
interface Requests {
  request(name: "server/startServing", params: { server: number }): Promise<unknown>
  request(name: "server/getInfo", params: { server: number }): Promise<RequestResult<"server/getInfo">>
  request(name: "server/close", params: { server: number }): Promise<unknown>
}

export class Server implements AsyncDisposable {
  readonly id: number
  readonly #requests: Requests
  readonly #forget: () => void
  readonly #closedPromise: Promise<void>
  #sockets: readonly Address[]
  #closed = false
  #resolveClosed = (): void => {}

  constructor(requests: Requests, opened: RequestResult<"loop/createServer">, forget: () => void) {
    this.id = opened.server
    this.#requests = requests
    this.#sockets = opened.sockets
    this.#forget = forget
    this.#closedPromise = new Promise((resolve) => (this.#resolveClosed = resolve))
  }

  /** Where it listens; empty before it serves and once it is closed. */
  get sockets(): readonly Address[] {
    return this.#sockets
  }

  isServing(): boolean {
    return this.#sockets.length > 0
  }

  /** Starts to accept, for a server made with `startServing: false`. Again: no effect. */
  async startServing(): Promise<void> {
    await this.#requests.request("server/startServing", { server: this.id })
    const { sockets } = await this.#requests.request("server/getInfo", { server: this.id })
    if (!this.#closed) this.#sockets = sockets
  }

  /** Resolves when the server is closed. An aborted `signal` closes it. */
  async serveForever(signal?: AbortSignal): Promise<void> {
    if (!this.isServing()) await this.startServing()
    const close = (): void => this.close()
    if (signal?.aborted === true) close()
    signal?.addEventListener("abort", close, { once: true })
    await this.#closedPromise
    signal?.removeEventListener("abort", close)
  }

  /** Stops listening; connections live on. Again: no effect. */
  close(): void {
    if (this.#closed) return
    // Nobody waits for the answer: it fails only where the server is gone already.
    this.#requests.request("server/close", { server: this.id }).catch(() => {})
    this.ended()
  }

  /** Resolves when it is closed. */
  waitClosed(): Promise<void> {
    return this.#closedPromise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.waitClosed()
  }

  /** @internal It is closed, by us or with the connection to the daemon. */
  ended(): void {
    this.#closed = true
    this.#sockets = []
    this.#forget()
    this.#resolveClosed()
  }
}
