/**
 * Either end of a connection: a vscode-jsonrpc connection with our framing, the synchronous lane for notifications,
 * and the rules of `docs/protocol.md` that the library does not know: bad input is answered, a request id is used once
 * at a time, what was asked is answered before the connection closes.
 * Knows no declaration: its two users validate and type what passes through.
 */
import type { Readable, Writable } from "node:stream"
import {
  AbstractMessageWriter,
  type CancellationToken,
  CancellationTokenSource,
  createMessageConnection,
  Message,
  type MessageConnection,
  type MessageWriter,
  NullLogger,
  type RequestMessage,
  ResponseError,
  type ResponseMessage,
  Trace,
  TraceFormat,
  type Tracer,
} from "vscode-jsonrpc/node"
import { encodeBase64 } from "./base64.ts"
import { RpcError, rpcError, type WireError } from "./errors.ts"
import type { ReadMemory } from "./framing/memory.ts"
import { FrameReader } from "./framing/reader.ts"
import { FrameWriter } from "./framing/writer.ts"
import { Incoming, type RequestContext } from "./incoming.ts"
import { Lane } from "./lane.ts"
import { MAX_REQUESTS_IN_FLIGHT } from "./limits.ts"
import type { Direct } from "./outflow.ts"

/** How messages are cut from bytes. */
export type Framing = "header" | "newline"

export type { RequestContext } from "./incoming.ts"

/** Both ways to the other end. */
export interface PeerStreams {
  readonly input: Readable
  readonly output: Writable
  /** Where `input` reads to, if it was made to ask: each `data` event has all that came and was not read then. */
  readonly memory?: ReadMemory | undefined
  /** For sockets and pipes of the system: writes past `output`. */
  readonly direct?: Direct | undefined
}

export interface PeerOptions extends PeerStreams {
  readonly framing?: Framing
  readonly maxMessageBytes?: number
  /**
   * Whether bytes that come are good during the call of `notification` alone, but for those that {@link Peer.own} was
   * asked for: who passes them on is saved a copy.
   */
  readonly lendsBytes?: boolean
  /**
   * Answers a request. What it does before its first await happens before the next message is looked at.
   * Throws an {@link RpcError}; anything else is a bug, reported through `bug` and answered with -32603.
   */
  request?(method: string, params: unknown, context: RequestContext): unknown
  /**
   * Whether a request is as a rule answered without a promise: it may be begun before the library has its turn. A
   * cancellation that comes in one piece with it is then heard behind its beginning.
   */
  isQuick?(method: string): boolean
  /** Takes a notification, synchronously and in the order of arrival. */
  notification(method: string, params: unknown): void
  /**
   * Whether bytes that are no messages may follow a request, or an answer (null): nothing is read behind it until all
   * requests are answered.
   */
  isLast?(method: string | null): boolean
  /** Something was thrown that is no {@link RpcError}. */
  bug?(error: unknown, method: string): void
  /** The other end sent something that is no message. It has been answered. */
  rejected?(error: RpcError): void
  /** The other end sends no more. What it asked is still being answered. */
  inputEnded?(): void
  /** The messages of a turn are about to leave: what is said now leaves with them. */
  leaving?(): void
  /** What waited for the other end has been handed to the system. */
  drained?(): void
  /** Nothing more is sent; the other end is expected to close. */
  ending?(): void
  /** The connection is over; called once. */
  closed(): void
}

export class Peer {
  readonly #options: PeerOptions
  readonly #reader: FrameReader
  readonly #writer: FrameWriter
  readonly #lane: Lane
  readonly #connection: MessageConnection
  /** By id: 1 and "1" are two. */
  readonly #incoming = new Map<RequestMessage["id"], Incoming>()
  /** The message that the library is dispatching: the only way to know the id of a request inside its handler. */
  #handling: Message | null = null
  #inputEnded = false
  /** Nothing comes and nothing goes any more. */
  #over = false
  /** That has been told. */
  #closed = false

  /** Starts to listen at once. */
  constructor(options: PeerOptions) {
    this.#options = options
    const framing = options.framing ?? "header"
    const { maxMessageBytes, memory, lendsBytes, direct } = options
    this.#reader = new FrameReader(options.input, {
      framing,
      memory,
      lendsBytes,
      decodesData: true,
      ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    })
    this.#writer = new FrameWriter(options.output, { framing, direct, leaving: () => options.leaving?.() })
    this.#lane = new Lane(this.#reader, {
      notification: (method, params) => this.#notification(method, params),
      admit: (message) => this.#admit(message),
      begin: (request) => this.#begin(request),
      isRunning: (id) => this.#incoming.has(id),
      isLast: (message) => {
        if (options.isLast === undefined || Message.isNotification(message)) return false
        return options.isLast(Message.isRequest(message) ? message.method : null)
      },
      idle: () => this.#idle(),
    })
    this.#connection = createMessageConnection(
      this.#lane,
      new AnswerWriter(this.#writer, ({ id }) => this.#answered(id)),
      NullLogger,
      {
        // With a bound on requests, whichever, the library resolves a response in the call that brings it, and not in a
        // turn of its own, which was 4 of 40 µs of a round trip. Requests have a bound already: see `#admit`.
        maxParallelism: Number.POSITIVE_INFINITY,
        messageStrategy: {
          handleMessage: (message, next) => {
            this.#handling = message
            const handling = next(message)
            this.#lane.handled(message)
            return handling
          },
        },
      },
    )
    this.#reader.onReject(({ error, id }) => this.#reject(id, error))
    this.#reader.onBroken((error) => {
      this.#reject(null, error)
      this.end()
    })
    this.#reader.onClose(() => {
      this.#inputEnded = true
      options.inputEnded?.()
      this.#endWhenIdle()
    })
    this.#writer.onClose(() => this.#close())
    options.output.once("finish", () => {
      if (this.#inputEnded) this.#close()
    })
    this.#writer.onDrain(() => this.#options.drained?.())
    this.#connection.onRequest((method, params, token) => this.#answer(method, params, token))
    this.#connection.onNotification((method, params) => this.#notification(method, params))
    this.#connection.onNotification("$/setTrace", (params: unknown) => this.#setTrace(params))
    this.#connection.listen()
  }

  /** Bytes accepted for the other end and not yet handed to the system. */
  get pendingBytes(): number {
    return this.#writer.pendingBytes
  }

  /** Whether notifications with `data` leave as byte messages: set once the other end announced it. */
  set byteMessages(on: boolean) {
    this.#writer.byteMessages = on
  }

  /** How many messages have come: while it grows, the other end is alive. */
  get messagesReceived(): number {
    return this.#lane.received
  }

  /** Whether messages wait here: then the silence is ours. */
  get isBehind(): boolean {
    return this.#lane.isHeld || this.#lane.waiting > 0
  }

  /** Whether nothing reaches the other end any more. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** The bytes of the notification that is being taken, or some of them, for good. */
  own(bytes: Buffer): Buffer {
    return this.#reader.own(bytes)
  }

  /** Has `leaving` called at the end of this turn. */
  leaveSoon(): void {
    this.#writer.leaveSoon()
  }

  /** Sends a notification. After the end: no effect. Never throws, never waits: see {@link pendingBytes}. */
  notify(method: string, params: object): void {
    if (this.#closed) return
    if (this.#lane.traced) void this.#connection.sendNotification(method, params).catch(() => {})
    else void this.#writer.write({ jsonrpc: "2.0", method, params } as Message)
  }

  /**
   * Sends a request and resolves to its result.
   * Rejects with an {@link RpcError} that the other end answered, or with {@link ConnectionEnded} when the connection
   * ended first: whether the request took effect is then unknown. An aborted `signal` asks the other end to cancel;
   * the promise still settles with what it answers.
   */
  async request(method: string, params: object, signal?: AbortSignal): Promise<unknown> {
    if (this.#closed) throw new ConnectionEnded(method)
    try {
      const sent = withoutBytes(params)
      if (signal === undefined) return await this.#connection.sendRequest<unknown>(method, sent)
      return await this.#cancellable(method, sent, signal)
    } catch (error) {
      if (error instanceof ResponseError && !this.#closed) throw new RpcError(error.code, error.message, error.data)
      throw new ConnectionEnded(method)
    }
  }

  /** Requests of the other end that are not answered. */
  get requestsRunning(): number {
    return this.#incoming.size
  }

  /**
   * Leaves the streams to the caller, for bytes that are no messages: nothing is said or heard here from now on, and
   * `closed` is not called. What was said before has been handed to the output.
   * @returns what came behind the last message.
   */
  surrender(): Buffer {
    this.#over = true
    this.#closed = true
    this.#writer.dispose()
    this.#connection.dispose()
    return this.#reader.takeRest()
  }

  /** Stops taking messages for `reason`, until {@link release} of the same. What runs goes on. */
  hold(reason: string): void {
    this.#lane.hold(reason)
  }

  release(reason: string): void {
    this.#lane.release(reason)
  }

  /** Sends what is waiting, then ends the output. Messages that still come are dropped. */
  end(): void {
    this.#writer.end()
    this.#options.ending?.()
  }

  /** Takes no more messages; answers what was begun, then ends. */
  finish(): void {
    this.#lane.hold("finish")
    this.#inputEnded = true
    this.#lane.dropWaiting()
    this.#endWhenIdle()
  }

  /** Ends at once; what was not sent is lost. */
  destroy(): void {
    this.#options.input.destroy()
    this.#options.output.destroy()
    this.#close()
  }

  async #cancellable(method: string, params: object, signal: AbortSignal): Promise<unknown> {
    const cancellation = new CancellationTokenSource()
    const cancel = (): void => cancellation.cancel()
    signal.addEventListener("abort", cancel, { once: true })
    try {
      const answer = this.#connection.sendRequest<unknown>(method, params, cancellation.token)
      if (signal.aborted) cancel()
      return await answer
    } finally {
      signal.removeEventListener("abort", cancel)
      cancellation.dispose()
    }
  }

  #notification(method: string, params: unknown): void {
    try {
      this.#options.notification(method, params)
    } catch (error) {
      this.#options.bug?.(error, method)
    }
  }

  /** Whether a message may go to the library: a request id is used once at a time, or no answer could be told apart. */
  #admit(message: Message): boolean {
    if (!Message.isRequest(message)) return true
    const { id } = message as RequestMessage
    if (this.#incoming.has(id)) {
      this.#reject(id, rpcError("InvalidRequest", `a request with id ${JSON.stringify(id)} is still running`))
      return false
    }
    const used = this.#incoming.size
    if (used >= MAX_REQUESTS_IN_FLIGHT) {
      const message = `${used} requests are running; wait for answers before sending more`
      this.#refuse(id, rpcError("LimitExceeded", message, { limit: MAX_REQUESTS_IN_FLIGHT, used, unit: "requests" }))
      return false
    }
    this.#incoming.set(id, new Incoming())
    return true
  }

  /** Calls the handler of a quick request. An answer that is there at once is sent; for another the library waits. */
  #begin({ id, method, params }: RequestMessage): boolean {
    if (this.#options.isQuick?.(method) !== true) return false
    const incoming = this.#incoming.get(id) as Incoming
    let answer: { readonly result: unknown } | { readonly error: WireError }
    try {
      const result = this.#handle(method, params, incoming)
      if (result instanceof Promise) {
        incoming.begun = result
        // The library has its turn later, and hears of a failure then.
        result.catch(() => {})
        return false
      }
      answer = { result: result ?? null }
    } catch (error) {
      answer = { error: this.#failure(error, method, id).toWire() }
    }
    this.#writer
      .write({ jsonrpc: "2.0", id, ...answer } as ResponseMessage)
      .catch((error: unknown) => this.#refuse(id, this.#failure(error, method, id)))
    this.#answered(id)
    return true
  }

  /** Gives the library what the handler returns. */
  async #answer(method: string, params: unknown, token: CancellationToken): Promise<unknown> {
    const { id } = this.#handling as RequestMessage
    const incoming = this.#incoming.get(id)
    if (incoming === undefined) throw new Error("a request that was not admitted")
    incoming.handedOver(token)
    try {
      return await (incoming.begun ?? this.#handle(method, params, incoming))
    } catch (error) {
      const { code, message, data } = this.#failure(error, method, id).toWire()
      throw new ResponseError(code, message, data)
    }
  }

  #handle(method: string, params: unknown, incoming: Incoming): unknown {
    if (this.#options.request !== undefined) return this.#options.request(method, params, incoming)
    throw rpcError("MethodNotFound", `this end answers no requests, ${method} among them`, { method })
  }

  /** What is answered where `error` was thrown. */
  #failure(error: unknown, method: string, requestId: RequestMessage["id"]): RpcError {
    if (error instanceof RpcError) return error
    this.#options.bug?.(error, method)
    return rpcError("InternalError", `${method} failed inside the daemon; please report it`, { requestId })
  }

  #answered(id: ResponseMessage["id"]): void {
    const incoming = this.#incoming.get(id)
    this.#incoming.delete(id)
    incoming?.answered()
    if (this.#closed) return
    if (this.#incoming.size === 0) this.#lane.goOn()
    this.#endWhenIdle()
  }

  /** Answers what the library never sees. */
  #refuse(id: string | number | null, error: RpcError): void {
    void this.#writer.write({ jsonrpc: "2.0", id, error: error.toWire() } as Message)
  }

  #reject(id: string | number | null, error: RpcError): void {
    this.#options.rejected?.(error)
    this.#refuse(id, error)
  }

  #setTrace(params: unknown): void {
    const value = Trace.fromString(String((params as { value?: unknown } | null)?.value))
    this.#lane.traced = value !== Trace.Off
    const log = (message: string, verbose?: string): void => {
      void this.#writer.write({ jsonrpc: "2.0", method: "$/logTrace", params: { message, verbose } } as Message)
    }
    void this.#connection.trace(value, { log } as Tracer, { sendNotification: false, traceFormat: TraceFormat.Text })
  }

  /** When input has ended, what was asked is still answered before the connection closes. */
  #endWhenIdle(): void {
    if (this.#inputEnded && this.#incoming.size === 0 && this.#lane.waiting === 0) this.end()
  }

  #idle(): void {
    this.#endWhenIdle()
    if (this.#over) this.#close()
  }

  /** The connection is over; what came before is still taken: an answer may be among it. */
  #close(): void {
    this.#over = true
    if (this.#closed || (this.#lane.waiting > 0 && !this.#lane.isHeld)) return
    this.#closed = true
    for (const incoming of this.#incoming.values()) incoming.cut()
    this.#incoming.clear()
    this.#connection.dispose()
    this.#reader.dispose()
    this.#options.closed()
  }
}

/** The connection to the daemon is over, and with it what was asked and what was open. */
export class ConnectionEnded extends Error {
  override readonly name = "ConnectionEnded"
  /** The request that was not answered, if it is about one: whether it took effect is unknown. */
  readonly method: string | null

  constructor(method: string | null = null) {
    super(`the connection to the daemon ended${method === null ? "" : ` before ${method} was answered`}`)
    this.method = method
  }
}

/** The writer that the library sees: tells when an answer was written. */
class AnswerWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #writer: FrameWriter
  readonly #answered: (response: ResponseMessage) => void

  constructor(writer: FrameWriter, answered: (response: ResponseMessage) => void) {
    super()
    this.#writer = writer
    this.#answered = answered
  }

  write(message: Message): Promise<void> {
    const written = this.#writer.write(message)
    if (Message.isResponse(message)) this.#answered(message)
    return written
  }

  end(): void {
    this.#writer.end()
  }
}

/** A request travels as JSON: its bytes, if any, as base64. */
function withoutBytes(params: object): object {
  const { data } = params as { data?: unknown }
  if (!(data instanceof Uint8Array)) return params
  return { ...params, data: encodeBase64(data) }
}
