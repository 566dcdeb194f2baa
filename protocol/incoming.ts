/** One request of the other end, from its arrival to its answer. */
import type { CancellationToken } from "vscode-jsonrpc/node"
import { toAbortController } from "./cancellation.ts"

/** What a request's handler gets beside its params. */
export interface RequestContext {
  /** Aborted when the client cancels the request, and when the connection ends. */
  readonly signal: AbortSignal
  /** Runs `action` right after the answer was written: what it sends comes behind the answer. */
  afterReply(action: () => void): void
}

export class Incoming implements RequestContext {
  readonly #afterReply: Array<() => void> = []
  #token: CancellationToken | null = null
  #controller: AbortController | null = null
  #ended = false
  /** What its handler returned, where that was called before the library had it. */
  begun: Promise<unknown> | null = null

  /** The library has handed it over. */
  handedOver(token: CancellationToken): void {
    this.#token = token
    if (this.#controller !== null) toAbortController(token, this.#controller)
  }

  /** Made when it is first asked for: most handlers never do, and a signal costs more than the rest of a request. */
  get signal(): AbortSignal {
    this.#controller ??= this.#token === null ? new AbortController() : toAbortController(this.#token)
    if (this.#ended) this.#controller.abort()
    return this.#controller.signal
  }

  /** A property, so that it can be passed on by itself. */
  readonly afterReply = (action: () => void): void => {
    this.#afterReply.push(action)
  }

  /** Its answer was written. */
  answered(): void {
    for (const action of this.#afterReply) action()
  }

  /** The connection ended before it was answered. */
  cut(): void {
    this.#ended = true
    this.#controller?.abort()
  }
}
