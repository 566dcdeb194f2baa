/**
 * Theory of operation
 *
 * vscode-jsonrpc takes one message per turn of the event loop from a queue without a bound. That is fine for requests
 * and costs two thirds of the speed for bytes. So incoming notifications are dispatched here, synchronously, and only
 * requests, responses and the library's own `$/` notifications go through its queue.
 *
 * The trap: a message must not overtake one that came before it (a `write` behind a `close`, bytes behind the answer
 * that names their transport). The rule that keeps order is the simplest one: at most one message is in the library,
 * and while it is, everything behind it waits here.
 *
 *     FrameReader ──▶ inbox ──▶ notification: dispatched at once
 *                       ├─────▶ first request of a turn, if it is a quick one: answered
 *                       └─────▶ anything else: the library; the inbox waits until it was handled
 *
 * Why some requests are answered here: with the library's turn before its answer a request took two, which were 5 of 40
 * µs of a round trip. Why one in a turn: other clients wait no longer for this one than with the library, however many
 * requests come in one piece; and behind one that the library has just handled, whose answer is still on its way, it
 * would overtake that.
 *
 * The inbox has a bound: past it the reader pauses, so a flood stalls its sender alone.
 */
import {
  AbstractMessageReader,
  type DataCallback,
  type Disposable,
  Message,
  type NotificationMessage,
  type RequestMessage,
} from "vscode-jsonrpc/node"
import type { FrameReader } from "./framing/reader.ts"
import { MAX_UNDISPATCHED_MESSAGES } from "./limits.ts"

export interface LaneEvents {
  /** A notification's turn has come. Must not throw. */
  notification(method: string, params: unknown): void
  /** A message for the library; false keeps it away from the library (it was answered otherwise). */
  admit(message: Message): boolean
  /** May begin a request that was admitted. True when it has been answered: the library does not hear of it. */
  begin(request: RequestMessage): boolean
  /** Whether a request with that id is running. */
  isRunning(id: string | number): boolean
  /** Whether what follows may be no message: nothing is read behind it until {@link Lane.goOn}. */
  isLast?(message: Message): boolean
  /** The library has handled what it had, and nothing waits behind it. */
  idle(): void
}

/** The reader that the library sees: it gets what the lane does not dispatch itself. */
export class Lane extends AbstractMessageReader {
  readonly #reader: FrameReader
  readonly #events: LaneEvents
  readonly #inbox: Message[] = []
  readonly #holds = new Set<string>()
  #toLibrary: DataCallback = () => {}
  /** The message that the library has and did not handle yet. */
  #inLibrary: Message | null = null
  #draining = false
  /** Whether a request was handled, here or by the library, in this turn of the event loop. */
  #hadRequest = false
  /** Behind a last message nothing is read. */
  #stopped = false
  #received = 0
  /** Whether notifications go through the library too, which then traces them. */
  traced = false

  constructor(reader: FrameReader, events: LaneEvents) {
    super()
    this.#reader = reader
    this.#events = events
    reader.onClose(() => this.fireClose())
  }

  override listen(callback: DataCallback): Disposable {
    this.#toLibrary = callback
    return this.#reader.listen((message) => {
      this.#received++
      // The usual case, without the way through the inbox: a third of what a small message costs here.
      if (this.waiting === 0 && !this.#draining && this.#holds.size === 0 && this.#isPlain(message)) {
        return this.#events.notification(message.method, message.params)
      }
      if (this.#events.isLast?.(message) === true) this.#stopped = true
      this.#inbox.push(message)
      this.#drain()
      if (this.#inbox.length > 0) this.#own(message)
    })
  }

  /** Messages read. */
  get received(): number {
    return this.#received
  }

  /** Messages read and not dispatched. */
  get waiting(): number {
    return this.#inbox.length + (this.#inLibrary === null ? 0 : 1)
  }

  /** Drops what was read and not dispatched: for who takes no more, and would wait for it without end. */
  dropWaiting(): void {
    this.#inbox.length = 0
  }

  /** Whether dispatching is stopped. */
  get isHeld(): boolean {
    return this.#holds.size > 0
  }

  /** Stops dispatching for `reason` until {@link release} of the same. Requests already running go on. */
  hold(reason: string): void {
    this.#holds.add(reason)
    this.#reader.pause()
  }

  release(reason: string): void {
    if (this.#holds.delete(reason) && this.#holds.size === 0) this.#drain()
  }

  /** What follows the last message is messages all the same. */
  goOn(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#drain()
  }

  /** The library's message strategy, for all but responses: learns that a message was handled. */
  handled(message: Message): void {
    if (message !== this.#inLibrary) return
    this.#inLibrary = null
    if (Message.isRequest(message)) this.#countRequest()
    this.#drain()
  }

  #drain(): void {
    if (this.#draining) return
    this.#draining = true
    while (this.#inLibrary === null && this.#holds.size === 0) {
      const message = this.#inbox.shift()
      if (message === undefined) break
      this.#dispatch(message)
    }
    this.#draining = false
    if (this.#stopped || this.#holds.size > 0 || this.#inbox.length >= MAX_UNDISPATCHED_MESSAGES) this.#reader.pause()
    else if (this.#inbox.length === 0) this.#reader.resume()
    if (this.waiting === 0) this.#events.idle()
  }

  /** A notification that the library has nothing to do with. */
  #isPlain(message: Message): message is NotificationMessage {
    return Message.isNotification(message) && !this.traced && !message.method.startsWith("$/")
  }

  #dispatch(message: Message): void {
    if (Message.isNotification(message)) {
      if (message.method === "$/cancelRequest") {
        // The library acts on it in this call, so there is nothing to wait for. One that comes too late, or is of
        // nothing, would go into the library's queue, which has no bound.
        const id = idOf(message.params)
        if (id !== undefined && this.#events.isRunning(id)) this.#toLibrary(message)
        return
      }
      if (this.#isPlain(message)) return this.#events.notification(message.method, message.params)
    }
    if (!this.#events.admit(message)) return
    this.#own(message)
    if (Message.isRequest(message) && this.#isAnswered(message)) return
    this.#inLibrary = message
    this.#toLibrary(message)
    // Order: the library has resolved it in this call. Code that awaits it runs in microtasks after this returns, and
    // must run before the next message is dispatched, hence the new turn.
    if (Message.isResponse(message)) setImmediate(() => this.handled(message))
  }

  /** Bytes may be lent by the reader for the time of its callback alone; a message that waits longer needs its own. */
  #own(message: Message): void {
    const { params } = message as { params?: { data?: unknown } | null }
    if (params?.data instanceof Uint8Array) params.data = this.#reader.own(params.data as Buffer)
  }

  #isAnswered(request: RequestMessage): boolean {
    if (this.#hadRequest || this.#stopped || this.traced || !this.#events.begin(request)) return false
    this.#countRequest()
    return true
  }

  #countRequest(): void {
    if (this.#hadRequest) return
    this.#hadRequest = true
    setImmediate(() => (this.#hadRequest = false))
  }
}

/** The library reads `params.id` of a cancellation unseen and throws where there is none. */
function idOf(params: unknown): string | number | undefined {
  const id = (params as { id?: unknown } | null | undefined)?.id
  return typeof id === "number" || typeof id === "string" ? id : undefined
}
