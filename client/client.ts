/** One connection to a daemon: the loop that makes transports, requests of any kind, and the end of it all. */
import { ConnectionEnded, Peer } from "../protocol/peer.ts"
import type {
  ClientNotificationName,
  ClientNotificationParams,
  RequestName,
  RequestParams,
  RequestResult,
} from "../protocol/registry.ts"
import { PROTOCOL_VERSION } from "../protocol/version.ts"
import type { Streams } from "./connect.ts"
import { Endpoints } from "./endpoints.ts"
import type { Link } from "./link.ts"
import { Loop, type ExceptionHandler } from "./loop.ts"

export interface ClientOptions {
  readonly clientInfo?: { readonly name: string; readonly version?: string }
  /** Bytes as they are instead of base64, where the daemon can (default true). */
  readonly byteMessages?: boolean
  /** Gets what callbacks throw where nobody can catch it; by default it is printed on stderr, as asyncio does. */
  readonly exceptionHandler?: ExceptionHandler
}

export type Greeting = RequestResult<"initialize">

export class Client implements Link, AsyncDisposable {
  readonly loop: Loop
  /** Resolves when the connection is over, whatever the cause. */
  readonly closed: Promise<void>
  readonly #streams: Streams
  readonly #peer: Peer
  readonly #endpoints = new Endpoints()
  #exceptionHandler: ExceptionHandler
  #greeting: Greeting | null = null
  #resolveClosed = (): void => {}

  private constructor(streams: Streams, { exceptionHandler = printError }: ClientOptions) {
    this.#streams = streams
    this.#exceptionHandler = exceptionHandler
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve))
    this.loop = new Loop(this, this.#endpoints)
    this.#peer = new Peer({
      ...streams,
      notification: (method, params) => this.#endpoints.take(method, params),
      bug: (error, method) => this.report(error, method),
      closed: () => this.#ended(),
    })
  }

  /** @internal Use `connect()`. */
  static async start(streams: Streams, options: ClientOptions): Promise<Client> {
    const client = new Client(streams, options)
    try {
      await client.#initialize(options)
      return client
    } catch (error) {
      client.destroy()
      throw error
    }
  }

  /** What the daemon answered to `initialize`. */
  get greeting(): Greeting {
    return this.#greeting as Greeting
  }

  /**
   * Sends any request of the protocol.
   * Rejects with the RpcError that the daemon answers, or with ConnectionEnded when the connection ended before.
   * An aborted `signal` asks the daemon to cancel: RequestCancelled, unless it was done already.
   */
  request<Name extends RequestName>(
    name: Name,
    params: RequestParams<Name>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<RequestResult<Name>> {
    return this.#peer.request(name, params as object, signal) as Promise<RequestResult<Name>>
  }

  notify<Name extends RequestName | ClientNotificationName>(
    name: Name,
    params: Name extends RequestName
      ? RequestParams<Name>
      : Name extends ClientNotificationName
        ? ClientNotificationParams<Name>
        : never,
  ): void {
    this.#peer.notify(name, params as object)
  }

  setExceptionHandler(handler: ExceptionHandler): void {
    this.#exceptionHandler = handler
  }

  report(error: unknown, where: string): void {
    this.#exceptionHandler(error, where)
  }

  /**
   * Says good-bye; resolves when the connection is over. What this client owns is closed by the daemon, after flushing.
   * Protocols hear `connectionLost` with ConnectionEnded for what was still open.
   */
  async close(): Promise<void> {
    if (!this.#peer.isClosed) {
      await this.request("shutdown", {}).catch(() => {})
      this.notify("exit", {})
      this.#peer.finish()
    }
    await this.closed
  }

  /** Cuts the connection at once. */
  destroy(): void {
    this.#peer.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #initialize({ clientInfo, byteMessages = true }: ClientOptions): Promise<void> {
    const greeting = await this.request("initialize", {
      protocolVersion: PROTOCOL_VERSION,
      processId: process.pid,
      ...(clientInfo !== undefined && { clientInfo }),
      capabilities: { byteMessages, flowControl: true },
    })
    this.#peer.byteMessages = byteMessages && greeting.capabilities.byteMessages
    this.#greeting = greeting
    this.notify("initialized", {})
  }

  #ended(): void {
    this.#streams.input.destroy()
    this.#streams.output.destroy()
    this.#endpoints.lost(new ConnectionEnded())
    this.#resolveClosed()
  }
}

function printError(error: unknown, where: string): void {
  // oxlint-disable-next-line no-console -- a callback's error that nobody handles must not pass in silence
  console.error(`transportd: ${where} threw`, error)
}
