/**
 * One client of a daemon: the loop that makes transports, requests of any kind, and the end of it all.
 * With `reconnect` it outlives its connection: what has lifetime "daemon" goes on after a break as if there had been a
 * pause.
 */
import { hostname } from "node:os"
import { setTimeout as delay } from "node:timers/promises"
import { rpcError, RpcError } from "../protocol/errors.ts"
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
import type { Transferable } from "./handOver.ts"
import { Endpoints, type Kept, type News } from "./endpoints.ts"
import type { Link } from "./link.ts"
import { Loop, type ExceptionHandler } from "./loop.ts"
import { READING } from "./readSide.ts"

export interface ReconnectOptions {
  /** How long to try before everything is lost after all (default 60 000). */
  readonly timeoutMs?: number
  /** Pause after the first failed attempt; it doubles, with jitter (default 20). */
  readonly minDelayMs?: number
  /** Longest pause between two attempts (default 2 000). */
  readonly maxDelayMs?: number
}

export interface ClientOptions {
  readonly clientInfo?: { readonly name: string; readonly version?: string }
  /** Bytes as they are instead of base64, where the daemon can (default true). */
  readonly byteMessages?: boolean
  /** Come back after a lost connection (default false): for clients that join a daemon on a socket. */
  readonly reconnect?: boolean | ReconnectOptions
  /**
   * Tell the daemon every so often that we are there, and expect the same of it: a connection that is silent for three
   * times as long is taken for lost. By default 10 000 with `reconnect`, else never.
   */
  readonly heartbeatMs?: number
  /** Gets what callbacks throw where nobody can catch it; by default it is printed on stderr, as asyncio does. */
  readonly exceptionHandler?: ExceptionHandler
}

/** Well above what a busy event loop is late, well below what a person waits. */
const HEARTBEAT_MS = 10_000

export type Greeting = RequestResult<"initialize">

export class Client implements Link, AsyncDisposable {
  readonly loop: Loop
  /** Resolves when the connection is over for good, whatever the cause. */
  readonly closed: Promise<void>
  readonly #options: ClientOptions
  readonly #open: () => Promise<Streams>
  readonly #endpoints = new Endpoints(
    (transport) => this.notify("transport/abort", { transport }),
    (news) => this.#watcher(news),
  )
  #watcher: (news: News) => void = () => {}
  #exceptionHandler: ExceptionHandler
  #peer!: Peer
  #greeting!: Greeting
  #channel: Streams["channel"]
  #closing = false
  /** While the connection is broken: settles when it is back, or gone for good. */
  #away: Promise<void> | null = null
  /** Said while away, to be said behind all that has been attached again. */
  #unsaid: Array<() => void> = []
  #resolveClosed = (): void => {}

  private constructor(open: () => Promise<Streams>, options: ClientOptions) {
    this.#open = open
    this.#options = options
    this.#exceptionHandler = options.exceptionHandler ?? printError
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve))
    this.loop = new Loop(this, this.#endpoints)
  }

  /** @internal Use `connect()`. */
  static async start(open: () => Promise<Streams>, options: ClientOptions): Promise<Client> {
    const client = new Client(open, options)
    await client.#connect()
    return client
  }

  get comesBack(): boolean {
    return Boolean(this.#options.reconnect)
  }

  /** What the daemon answered to `initialize`. */
  get greeting(): Greeting {
    return this.#greeting
  }

  /**
   * Sends any request of the protocol; while the connection is broken, once it is back.
   * Rejects with the RpcError that the daemon answers, or with ConnectionEnded when the connection ended before the
   * answer: whether it took effect is then unknown, and it is not sent again.
   * An aborted `signal` asks the daemon to cancel: RequestCancelled, unless it was done already.
   */
  async request<Name extends RequestName>(
    name: Name,
    params: RequestParams<Name>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<RequestResult<Name>> {
    if (this.#away !== null) await this.#away
    return (await this.#peer.request(name, params as object, signal)) as RequestResult<Name>
  }

  notify<Name extends ClientNotificationName>(name: Name, params: ClientNotificationParams<Name>): void {
    if (this.#away === null) this.#peer.notify(name, params as object)
    else this.#unsaid.push(() => this.#peer.notify(name, params as object))
  }

  own(bytes: Buffer): Buffer {
    return this.#peer.own(bytes)
  }

  /** @internal Use `loop.handOver`. */
  async handOver(socket: Transferable): Promise<string> {
    const { descriptors } = this.#greeting.capabilities
    if (this.#channel !== undefined && descriptors.includes("channel")) return await this.#channel.send(socket)
    const message = "sockets of this process can be handed over to a daemon that it has launched, to no other"
    throw rpcError("NotSupported", message, { operation: "handOver" })
  }

  /** From now on `watcher` hears of everything that begins or ends in the daemon; null: no more. */
  async watch(watcher: ((news: News) => void) | null): Promise<void> {
    this.#watcher = watcher ?? (() => {})
    await this.request("daemon/watch", { watch: watcher !== null })
  }

  setExceptionHandler(handler: ExceptionHandler): void {
    this.#exceptionHandler = handler
  }

  report(error: unknown, where: string): void {
    try {
      this.#exceptionHandler(error, where)
    } catch (inHandler) {
      // A handler that throws must not stop what is being delivered (asyncio logs it, too).
      printError(error, where)
      printError(inHandler, "the exception handler")
    }
  }

  /**
   * Says good-bye; resolves when the connection is over. What this client owns is closed by the daemon, after flushing.
   * Protocols hear `connectionLost` with ConnectionEnded for what was still open.
   */
  async close(): Promise<void> {
    this.#closing = true
    if (!this.#peer.isClosed) {
      await this.#peer.request("shutdown", {}).catch(() => {})
      this.#peer.notify("exit", {})
      this.#peer.finish()
    }
    await this.closed
  }

  /** Cuts the connection at once, and for good. */
  destroy(): void {
    this.#closing = true
    this.#peer.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A new connection that has been through `initialize`. */
  async #connect(): Promise<void> {
    const streams = await this.#open()
    const { clientInfo, byteMessages = true, reconnect = false } = this.#options
    const { heartbeatMs = reconnect === false ? undefined : HEARTBEAT_MS } = this.#options
    const peer = new Peer({
      ...streams,
      lendsBytes: true,
      notification: (method, params) => this.#endpoints.take(method, params),
      bug: (error, method) => this.report(error, method),
      closed: () => {
        streams.input.destroy()
        streams.output.destroy()
        if (peer === this.#peer) this.#ended()
      },
    })
    try {
      const greeting = (await peer.request("initialize", {
        protocolVersion: PROTOCOL_VERSION,
        processId: process.pid,
        hostname: hostname(),
        ...(heartbeatMs !== undefined && { heartbeatMs }),
        ...(clientInfo !== undefined && { clientInfo }),
        capabilities: { byteMessages, flowControl: true },
      })) as Greeting
      peer.byteMessages = byteMessages && greeting.capabilities.byteMessages
      peer.notify("initialized", {})
      this.#peer = peer
      this.#channel = streams.channel
      this.#greeting = greeting
      if (heartbeatMs !== undefined) beat(peer, heartbeatMs)
    } catch (error) {
      peer.destroy()
      throw error
    }
  }

  #ended(): void {
    const error = new ConnectionEnded()
    if (this.#closing || !this.comesBack) return this.#endForGood(error)
    if (this.#away !== null) return
    this.#endpoints.lost(error, { butKept: true })
    this.#away = this.#comeBack().then(
      () => {
        this.#away = null
        for (const say of this.#unsaid.splice(0)) say()
      },
      (reason: Error) => {
        this.#away = null
        this.#endForGood(reason)
      },
    )
  }

  #endForGood(error: Error): void {
    this.#endpoints.lost(error)
    this.#unsaid = []
    this.#resolveClosed()
  }

  /** Tries until it is back; rejects with the reason when it never will be. */
  async #comeBack(): Promise<void> {
    const { reconnect } = this.#options
    const { timeoutMs = 60_000, minDelayMs = 20, maxDelayMs = 2_000 } = typeof reconnect === "object" ? reconnect : {}
    const { startId } = this.#greeting.serverInfo
    const startedMs = performance.now()
    for (let delayMs = minDelayMs; ; delayMs = Math.min(2 * delayMs, maxDelayMs)) {
      if (this.#closing) throw new ConnectionEnded()
      try {
        await this.#connect()
        if (this.#greeting.serverInfo.startId !== startId) throw restarted()
        return await this.#resume()
      } catch (error) {
        if (error instanceof RpcError && error.name === "ShuttingDown") throw error
        if (performance.now() - startedMs > timeoutMs) throw error
      }
      // Jitter, so that many clients of one daemon do not come back at the same instant.
      await delay(delayMs * (0.5 + Math.random() / 2))
    }
  }

  /** Attaches what is kept, where it stood. Rejects with ConnectionEnded when the connection broke again. */
  async #resume(): Promise<void> {
    const ask = <Name extends RequestName>(name: Name, params: RequestParams<Name>): Promise<RequestResult<Name>> =>
      this.#peer.request(name, params as object) as Promise<RequestResult<Name>>
    await Promise.all(
      this.#endpoints.kept.map(async ({ transport, role }: Kept) => {
        try {
          const { id, resumption } = transport
          // Stolen, for the daemon may not have noticed yet that the former connection is gone.
          const params = { transport: id, role, steal: role === "owner", ...resumption, ...READING }
          transport.resumed(await ask("transport/attach", params))
        } catch (error) {
          if (!(error instanceof RpcError)) throw error
          transport.cut(error)
        }
      }),
    )
    for (const server of this.#endpoints.keptServers) {
      try {
        await ask("server/attach", { server: server.id, steal: true })
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        server.ended()
        continue
      }
      const { transports } = await ask("transport/list", {})
      for (const { transport, server: by, clientId } of transports) {
        if (by !== server.id || clientId !== null || this.#endpoints.has(transport)) continue
        this.#endpoints.accepted({
          ...(await ask("transport/attach", { transport, since: "start", ...READING })),
          server: by,
        })
      }
    }
  }
}

/** Says that we are there, and cuts the connection when the other end says nothing for too long. */
function beat(peer: Peer, heartbeatMs: number): void {
  let before = -1
  let silentIntervals = 0
  const timer = setInterval(() => {
    if (peer.isClosed) return clearInterval(timer)
    silentIntervals = peer.messagesReceived === before && !peer.isBehind ? silentIntervals + 1 : 0
    before = peer.messagesReceived
    if (silentIntervals >= 3) peer.destroy()
    else peer.notify("$/heartbeat", {})
  }, heartbeatMs)
  timer.unref()
}

function restarted(): RpcError {
  return rpcError("ShuttingDown", "the daemon was restarted: what the former one held is gone")
}

function printError(error: unknown, where: string): void {
  // oxlint-disable-next-line no-console -- a callback's error that nobody handles must not pass in silence
  console.error(`transportd: ${where} threw`, error)
}
