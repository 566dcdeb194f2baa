/**
 * One connected client: its place in the life of a connection, its budget, what it owns, its end.
 * Validates everything that comes in; knows no socket, and of framing only that bytes come and go.
 */
import type { Duplex } from "node:stream"
import type { RequestDeclaration } from "../protocol/declare.ts"
import { rpcError, RpcError } from "../protocol/errors.ts"
import { FLUSH_REPORT_BYTES, FLUSH_REPORT_MS, LINGER_MS, MAX_BUFFERED_BYTES } from "../protocol/limits.ts"
import { Peer, type Framing, type PeerStreams, type RequestContext } from "../protocol/peer.ts"
import {
  accepted,
  type DaemonNotificationName,
  type DaemonNotificationParams,
  type ParsedParams,
  type RequestResult,
} from "../protocol/registry.ts"
import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "../protocol/version.ts"
import { watchHeartbeat } from "./heartbeat.ts"
import { handlers } from "./handlers/index.ts"
import { refuseStartTls } from "./handlers/loop/tls.ts"
import type { Context, DaemonFace, Session } from "./handlers/context.ts"
import { Outbox } from "./hold/outbox.ts"
import { Possessions, type Deadlines } from "./hold/possessions.ts"
import type { Tunnel } from "./hold/tunnel.ts"
import { ClientDescriptors } from "./open/clientDescriptors.ts"
import { DescriptorSocket } from "./open/descriptorSocket.ts"
import { isPlain } from "./plain.ts"
import { isAlive } from "./processes.ts"

export interface ClientOptions {
  readonly id: number
  readonly daemon: DaemonFace
  readonly streams: PeerStreams
  readonly framing: Framing
  readonly maxMessageBytes: number
  readonly maxTransports: number
  readonly deadlines: Deadlines
  /** Whether descriptors come to `descriptors` over a channel. */
  readonly hasChannel: boolean
  /** Of this machine: clients of others have processes that cannot be looked at. */
  readonly hostname: string
  /** What the daemon says of itself in the answer to `initialize`. */
  readonly greeting: Pick<RequestResult<"initialize">, "serverInfo" | "limits"> & {
    readonly capabilities: Omit<RequestResult<"initialize">["capabilities"], "byteMessages" | "flowControl">
  }
  initialized?(params: ParsedParams<"initialize">): void
  bug(error: unknown, method: string): void
}

type Phase = "new" | "ready" | "shutDown"

type AnyHandler = (params: unknown, context: Context) => unknown

export class Client implements Session {
  readonly id: number
  readonly outbox: Outbox
  readonly possessions: Possessions
  readonly descriptors: ClientDescriptors
  /** Resolves when the connection is over and nothing is left of what the client owned. */
  readonly ended: Promise<void>
  readonly #options: ClientOptions
  readonly #peer: Peer
  readonly #sinceMs: number
  /** What it said of itself. */
  #self: { name?: string; version?: string | undefined; processId?: number } = {}
  #phase: Phase = "new"
  #flowControl = false
  #saidExit = false
  #leaving = false
  #bufferedBytes = 0
  /** How far each transport was flushed, where that is not said yet. */
  readonly #reports = new Map<number, number>()
  #unreportedBytes = 0
  /** Whether a timer runs that will say them. */
  #reportsSoon = false
  #ignored = 0
  #descriptorSocket: Promise<DescriptorSocket> | undefined
  /** The context of every notification. */
  readonly #unawaited: Context
  /** What the connection has become. */
  #tunnel: Tunnel | null = null
  #stopWatching = (): void => {}
  #finish = (): void => {}

  constructor(options: ClientOptions) {
    this.#options = options
    this.id = options.id
    this.#sinceMs = options.daemon.clock.nowMs()
    this.possessions = new Possessions(options.maxTransports, this)
    this.descriptors = new ClientDescriptors(options.daemon.descriptors, options.daemon.clock)
    const { daemon } = options
    this.#unawaited = {
      daemon,
      session: this,
      isRequest: false,
      signal: neverAborted,
      afterReply: (action) => action(),
    }
    this.ended = new Promise((resolve) => (this.#finish = resolve))
    const { streams, framing, maxMessageBytes } = options
    this.outbox = new Outbox(() => this.#peer.pendingBytes)
    this.#peer = new Peer({
      ...streams,
      framing,
      maxMessageBytes,
      lendsBytes: true,
      request: (method, params, context) => this.#request(method, params, context),
      // What opens something takes its time, and may be cancelled before it has begun.
      isQuick: (method) => !method.startsWith("loop/"),
      notification: (method, params) => this.#notification(method, params),
      isLast: (method) => method === "transport/tunnel",
      bug: (error, method) => options.bug(error, method),
      leaving: () => {
        if (this.#unreportedBytes >= FLUSH_REPORT_BYTES) this.#sayReports()
      },
      drained: () => this.outbox.pump(),
      // Whoever is gone does not wait for answers: one that never comes must not keep what it owned.
      inputEnded: () => void options.daemon.clock.after(options.deadlines.closeMs, () => this.destroy()),
      ending: () => void options.daemon.clock.after(LINGER_MS, () => this.destroy()),
      closed: () => void this.#closed(),
    })
  }

  get flowControl(): boolean {
    return this.#flowControl
  }

  get isTunnel(): boolean {
    return this.#tunnel !== null
  }

  /** Whether it said `shutdown` before it left. */
  get saidShutdown(): boolean {
    return this.#phase === "shutDown"
  }

  get saidExit(): boolean {
    return this.#saidExit
  }

  /** How it does, for `daemon/statistics`. */
  get statistics(): RequestResult<"daemon/statistics">["clients"][number] {
    const { name, version, processId } = this.#self
    return {
      clientId: this.id,
      ...(name !== undefined && { name }),
      ...(version !== undefined && { version }),
      ...(processId !== undefined && { processId }),
      connectedMs: this.#options.daemon.clock.nowMs() - this.#sinceMs,
      flowControl: this.#flowControl,
      transports: this.possessions.size,
      pendingBytes: this.#peer.pendingBytes,
      unflushedBytes: this.#bufferedBytes,
      ignoredMessages: this.#ignored,
    }
  }

  /** Messages that were dropped because they made no sense. */
  get ignored(): number {
    return this.#ignored
  }

  notify<Name extends DaemonNotificationName>(name: Name, params: DaemonNotificationParams<Name>): void {
    if (this.#tunnel !== null) {
      // Nothing can be said any more; but another client that takes over is heard.
      if (name === "transport/detached") this.#tunnel.close()
      return
    }
    const isDue = name !== "protocol/dataReceived" || this.#unreportedBytes >= FLUSH_REPORT_BYTES
    if (isDue && this.#reports.size > 0) this.#sayReports()
    this.#peer.notify(name, params as object)
  }

  /**
   * One report for all that was flushed in a turn: a read brings several bodies. Reports of little wait a moment longer:
   * one message for each small write cost a fifth of a round trip of 64 bytes. Data does not take these along, for the
   * same reason; whatever else is said comes behind them.
   */
  reportFlushed(transport: number, offset: number, bytes: number): void {
    this.#reports.set(transport, offset)
    this.#unreportedBytes += bytes
    if (this.#unreportedBytes >= FLUSH_REPORT_BYTES) this.#peer.leaveSoon()
    else if (!this.#reportsSoon) {
      this.#reportsSoon = true
      this.#options.daemon.clock.after(FLUSH_REPORT_MS, this.#reportsDue, { keepAlive: true })
    }
  }

  /** Past the budget the client is not read: it stalls itself alone. */
  buffered(bytes: number): void {
    const wasOver = this.#bufferedBytes > MAX_BUFFERED_BYTES
    this.#bufferedBytes += bytes
    const isOver = this.#bufferedBytes > MAX_BUFFERED_BYTES
    if (isOver && !wasOver) this.#peer.hold("buffered")
    else if (wasOver && !isOver) this.#peer.release("buffered")
  }

  initialize(params: ParsedParams<"initialize">): RequestResult<"initialize"> {
    const { protocolVersion: offered, capabilities } = params
    if (offered < OLDEST_PROTOCOL_VERSION) throw versionUnsupported(offered)
    const { serverInfo, limits, capabilities: platform } = this.#options.greeting
    this.#phase = "ready"
    this.#self = { ...params.clientInfo, ...(typeof params.processId === "number" && { processId: params.processId }) }
    this.#flowControl = capabilities?.flowControl === true
    const byteMessages = this.#options.framing === "header"
    this.#peer.byteMessages = byteMessages && capabilities?.byteMessages === true
    this.#options.initialized?.(params)
    if (params.heartbeatMs !== undefined) this.#watch(params.heartbeatMs, params.hostname === this.#options.hostname)
    return {
      protocolVersion: Math.min(offered, PROTOCOL_VERSION),
      serverInfo,
      clientId: this.id,
      capabilities: {
        ...platform,
        descriptors: [...platform.descriptors, ...(this.#options.hasChannel ? (["channel"] as const) : [])],
        byteMessages,
        flowControl: true,
      },
      limits,
    }
  }

  async descriptorSocket(): Promise<string> {
    this.#descriptorSocket ??= DescriptorSocket.open(this.descriptors)
    try {
      return (await this.#descriptorSocket).path
    } catch (error) {
      this.#descriptorSocket = undefined
      throw error
    }
  }

  shutdown(): void {
    this.#phase = "shutDown"
  }

  exit(): void {
    this.#saidExit = true
    this.#peer.finish()
  }

  /** The daemon ends: no more is taken, what was asked is answered, then the connection closes. */
  leave(): void {
    this.#leaving = true
    if (this.#tunnel === null) this.#peer.finish()
    else this.#tunnel.close()
  }

  checkTunnel(): void {
    const { input, output } = this.#options.streams
    if ((input as unknown) !== output) {
      const data = { kind: "stdio", operation: "tunnel" }
      throw rpcError("NotSupported", "a tunnel needs a connection to the daemon's socket", data)
    }
    if (this.possessions.isEmpty && this.#peer.requestsRunning <= 1) return
    throw rpcError(
      "InvalidRequest",
      "a tunnel needs a connection of its own: something is open or asked for on this one",
    )
  }

  tunnel(make: (socket: Duplex, over: () => void) => Tunnel): void {
    const socket = this.#options.streams.input as Duplex
    this.#stopWatching()
    this.#reports.clear()
    const rest = this.#peer.surrender()
    if (rest.length > 0) socket.unshift(rest)
    this.#tunnel = make(socket, () => void this.#closed())
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#peer.destroy()
  }

  /** Why no async function: an answer that is there at once is sent at once. */
  #request(method: string, params: unknown, context: RequestContext): unknown {
    this.#checkPhase(method)
    const declaration = accepted.get(method)
    if (declaration?.kind !== "request") throw rpcError("MethodNotFound", `there is no request ${method}`, { method })
    const asked = new Asked(this.#options.daemon, this, context)
    const parsed = this.#parse(declaration, params, asked)
    const done = (handlers[method as keyof typeof handlers] as AnyHandler)(parsed, asked)
    if (!(done instanceof Promise)) return done
    return done.catch((error: unknown) => {
      if (!context.signal.aborted || !(error instanceof RpcError)) throw error
      throw rpcError("RequestCancelled", `${method} was cancelled`)
    })
  }

  readonly #reportsDue = (): void => {
    this.#reportsSoon = false
    this.#sayReports()
  }

  #parse(declaration: RequestDeclaration, params: unknown, context: Context): unknown {
    try {
      return parse(declaration, params)
    } catch (error) {
      if (declaration.name === "loop/startTls") refuseStartTls(params, error as RpcError, context)
      throw error
    }
  }

  #sayReports(): void {
    this.#unreportedBytes = 0
    for (const [transport, offset] of this.#reports) this.#peer.notify("transport/flushed", { transport, offset })
    this.#reports.clear()
  }

  #watch(heartbeatMs: number, isOfThisMachine: boolean): void {
    const { processId } = this.#self
    this.#stopWatching = watchHeartbeat(this.#options.daemon.clock, {
      heartbeatMs,
      said: () => this.#peer.messagesReceived,
      isBehind: () => this.#peer.isBehind,
      isThere: () => isOfThisMachine && processId !== undefined && isAlive(processId),
      answer: () => this.#peer.notify("$/heartbeat", {}),
      gone: () => this.destroy(),
    })
  }

  #checkPhase(method: string): void {
    if (this.#leaving) throw rpcError("ShuttingDown", "the daemon is ending")
    if (this.#phase === "new" && method !== "initialize") {
      throw rpcError("NotInitialized", `send initialize before ${method}`)
    }
    if (this.#phase === "ready" && method === "initialize") {
      throw rpcError("InvalidRequest", "this connection is initialized already")
    }
    if (this.#phase === "shutDown") throw rpcError("InvalidRequest", "after shutdown only exit may follow")
  }

  /** Nobody hears of what goes wrong here: what makes no sense is counted and dropped. */
  #notification(method: string, params: unknown): void {
    if (method === "exit") return this.exit()
    if (this.#phase === "ready" && isPlain(method, params)) return this.#handle(method, params)
    const declaration = accepted.get(method)
    const known = declaration?.kind === "notification" || declaration?.orNotification === true
    if (!known || this.#phase !== "ready") return void this.#ignored++
    const parsed = declaration.params.safeParse(params ?? {})
    if (parsed.success) this.#handle(method, parsed.data)
    else this.#ignored++
  }

  #handle(method: string, params: unknown): void {
    const handle = handlers[method as keyof typeof handlers] as AnyHandler
    try {
      const done = handle(params, this.#unawaited)
      if (done instanceof Promise) done.catch((error: unknown) => this.#dropped(error, method))
    } catch (error) {
      this.#dropped(error, method)
    }
  }

  #dropped(error: unknown, method: string): void {
    if (error instanceof RpcError) this.#ignored++
    else this.#options.bug(error, method)
  }

  async #closed(): Promise<void> {
    const { daemon, deadlines, streams } = this.#options
    streams.input.destroy()
    streams.output.destroy()
    daemon.watchers.set(this, false)
    this.#stopWatching()
    this.descriptors.end()
    void this.#descriptorSocket?.then(
      (socket) => socket.close(),
      () => {},
    )
    await this.possessions.abandon(daemon.clock, deadlines)
    this.#finish()
  }
}

/** The context of a request. A class: an accessor in an object literal is made anew, with a shape of its own, each time. */
class Asked implements Context {
  readonly isRequest = true
  readonly daemon: DaemonFace
  readonly session: Session
  readonly afterReply: RequestContext["afterReply"]
  readonly #request: RequestContext

  constructor(daemon: DaemonFace, session: Session, request: RequestContext) {
    this.daemon = daemon
    this.session = session
    this.afterReply = request.afterReply
    this.#request = request
  }

  /** Asked for only where it is wanted: it is made then. */
  get signal(): AbortSignal {
    return this.#request.signal
  }
}

const neverAborted = new AbortController().signal

function parse(declaration: RequestDeclaration, params: unknown): unknown {
  const parsed = declaration.params.safeParse(params ?? {})
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }))
  const [first] = issues
  const where = first === undefined ? "" : `: ${first.path === "" ? "" : `${first.path}: `}${first.message}`
  throw rpcError("InvalidParams", `the params do not fit ${declaration.name}${where}`, { issues })
}

function versionUnsupported(offered: number): RpcError {
  const supported = { oldest: OLDEST_PROTOCOL_VERSION, newest: PROTOCOL_VERSION }
  const message =
    `the client speaks protocol version ${offered} at most, this daemon ${supported.oldest} to ${supported.newest}: ` +
    "upgrade the client"
  return rpcError("VersionUnsupported", message, { offered, supported })
}
