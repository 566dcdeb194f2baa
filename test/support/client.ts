/**
 * A raw JSON-RPC client: sends messages or any bytes at all, keeps all that comes, and waits without sleeping.
 * Speaks through the framing of `protocol/`, which has tests of its own; everything else here is independent of it.
 */
import type { Duplex } from "node:stream"
import type { Message } from "vscode-jsonrpc/node"
import { RpcError, type WireError } from "../../protocol/errors.ts"
import { FrameReader, type Framing } from "../../protocol/framing/reader.ts"
import { encode } from "./encode.ts"
import { Grammar, type IdLedger } from "./grammar.ts"

export interface Notification {
  readonly method: string
  readonly params: Record<string, unknown>
}

export interface Answer {
  readonly id: string | number | null
  readonly result?: unknown
  readonly error?: WireError
}

export type Received = Notification | Answer

export interface RawClientOptions {
  readonly ledger: IdLedger
  readonly framing?: Framing
}

export class RawClient {
  readonly stream: Duplex
  readonly grammar: Grammar
  /** Everything that came, in order. */
  readonly received: Received[] = []
  /** Resolves when nothing comes any more. */
  readonly closed: Promise<void>
  flowControl = false
  /** With flow control: whether what comes is reported as consumed at once. */
  consumes = true
  /** Whether notifications with bytes are sent as byte messages. */
  byteMessages = false
  readonly #framing: Framing
  readonly #reader: FrameReader
  readonly #waiting = new Map<string, (answer: Answer) => void>()
  readonly #watchers = new Set<() => void>()
  readonly #counts = new Map<string, number>()
  readonly #byTransport = new Map<number, Notification[]>()
  #lastId = 0
  #isClosed = false

  constructor(stream: Duplex, { ledger, framing = "header" }: RawClientOptions) {
    this.stream = stream
    this.grammar = new Grammar(ledger, () => this.flowControl)
    this.#framing = framing
    this.#reader = new FrameReader(stream, { framing })
    stream.on("error", () => {})
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.#isClosed = true
        this.#changed()
        resolve()
      }
      this.#reader.onClose(close)
      stream.on("close", close)
    })
    this.#reader.onReject(({ error }) => this.grammar.violations.push(`the daemon sent no message: ${error.message}`))
    this.#reader.onBroken((error) => this.grammar.violations.push(`the daemon broke the framing: ${error.message}`))
    // A broken pipe is the daemon's leave; anything else is a mistake of this client.
    this.#reader.onError((error) => {
      if (!("syscall" in error)) this.grammar.violations.push(`reading failed: ${error.message}`)
    })
    this.#reader.listen((message) => this.#take(message))
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get answers(): Answer[] {
    return this.received.filter((each): each is Answer => !("method" in each))
  }

  get notifications(): Notification[] {
    return this.received.filter((each): each is Notification => "method" in each)
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: string | Uint8Array): boolean {
    return this.stream.write(bytes)
  }

  /** Sends any value as one message. */
  send(message: object): void {
    const { id, method } = message as { id?: string | number; method?: string }
    if (id !== undefined && method !== undefined) this.grammar.asked(id, method)
    this.sendBytes(encode(message, { framing: this.#framing, byteMessages: this.byteMessages }))
  }

  notify(method: string, params: object = {}): void {
    this.send({ jsonrpc: "2.0", method, params })
  }

  /** The whole answer, error or not. */
  ask(method: string, params: object = {}, id: string | number = this.nextId()): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(`${typeof id}:${id}`, resolve)
      this.send({ jsonrpc: "2.0", id, method, params })
    })
  }

  /** The result; rejects with the error that was answered. */
  async request<Result = unknown>(method: string, params: object = {}): Promise<Result> {
    const { result, error } = await this.ask(method, params)
    if (error !== undefined) throw RpcError.fromWire(error)
    return result as Result
  }

  /** The error that was answered; throws when there was none. */
  async failure(method: string, params: object = {}): Promise<WireError> {
    const { result, error } = await this.ask(method, params)
    if (error === undefined) throw new Error(`${method} did not fail: ${JSON.stringify(result)}`)
    return error
  }

  nextId(): number {
    return ++this.#lastId
  }

  /** A round trip: all that was sent before has taken effect. Answered with an error, in any phase. */
  async barrier(): Promise<void> {
    await this.ask("test/barrier")
  }

  /** What `look` gives as soon as it is neither undefined nor false; looks again at all that comes. */
  until<Result>(look: () => Result | undefined | false, what = "that"): Promise<Result> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = look()
        if (found !== undefined && found !== false) resolve(found)
        else if (this.#isClosed)
          reject(new Error(`the connection closed before ${what}\n${this.grammar.trace.slice(-20).join("\n")}`))
        else return
        this.#watchers.delete(watch)
      }
      this.#watchers.add(watch)
      watch()
    })
  }

  /** The callbacks of `transport`, in order, as their last names: `connectionMade`, `dataReceived`, … */
  callbacks(transport: number): string[] {
    return this.of(transport).map(({ method }) => method.replace("protocol/", ""))
  }

  of(transport: number): Notification[] {
    return this.#byTransport.get(transport) ?? []
  }

  /** The bytes that came from `transport` so far, or from its descriptor `fd`. */
  data(transport: number, fd?: number): Buffer {
    const parts = this.of(transport).filter(({ params }) => params.fd === fd)
    return Buffer.concat(parts.map(({ params: { data, text } }) => bytesOf(data ?? text, text !== undefined)))
  }

  count(transport: number, fd?: number): number {
    return this.#counts.get(`${transport}/${fd ?? ""}`) ?? 0
  }

  /** Waits for the first callback `name` of `transport`. */
  callback(transport: number, name: string, fd?: number): Promise<Notification> {
    const method = `protocol/${name}`
    return this.until(
      () => this.of(transport).find((each) => each.method === method && (fd === undefined || each.params.fd === fd)),
      `${name} of ${transport}`,
    )
  }

  lost(transport: number): Promise<Notification> {
    return this.callback(transport, "connectionLost")
  }

  /** Reads no more until `resume`: a client that stalls. */
  stall(): void {
    this.#reader.pause()
  }

  resume(): void {
    this.#reader.resume()
  }

  /** Ends the sending side; what was asked is still answered. */
  end(): void {
    this.stream.end()
  }

  destroy(): void {
    this.stream.destroy()
  }

  #take(message: Message): void {
    const each = message as unknown as Received
    this.received.push(each)
    if ("method" in each) this.#notified(each)
    else this.#answered(each)
    this.#changed()
  }

  #notified(notification: Notification): void {
    const { method, params } = notification
    this.grammar.notified(method, params)
    const { transport, fd, data, text, offset } = params
    const before = this.#byTransport.get(transport as number)
    if (before === undefined) this.#byTransport.set(transport as number, [notification])
    else before.push(notification)
    if (data === undefined && text === undefined) return
    const counter = `${String(transport)}/${(fd as number | undefined) ?? ""}`
    const bytes = (this.#counts.get(counter) ?? 0) + bytesOf(data ?? text, text !== undefined).length
    this.#counts.set(counter, bytes)
    if (!this.flowControl || !this.consumes) return
    this.notify("transport/consumed", {
      transport: this.#channel(transport as number, fd as number | undefined),
      offset: offset ?? bytes,
    })
  }

  /** Consumption is reported for the pipe, not for its process. */
  #channel(transport: number, fd: number | undefined): number {
    if (fd === undefined) return transport
    const made = this.of(transport).find(({ method }) => method === "protocol/connectionMade")
    const pipes = made?.params.pipes as Record<number, number> | undefined
    return pipes?.[fd] ?? transport
  }

  #answered(answer: Answer): void {
    const { id, result, error } = answer
    this.grammar.answered(id, result, error)
    const waiter = `${typeof id}:${id}`
    this.#waiting.get(waiter)?.(answer)
    this.#waiting.delete(waiter)
  }

  #changed(): void {
    for (const watch of this.#watchers) watch()
  }
}

function bytesOf(data: unknown, isText: boolean): Buffer {
  if (typeof data === "string") return Buffer.from(data, isText ? "utf8" : "base64")
  return data === undefined ? Buffer.alloc(0) : (data as Buffer)
}
