/**
 * What all streams share, over any Node stream: reading on and off, flushed bytes, end of file, close and abort.
 *
 * Theory of operation. Node's streams differ from asyncio's transports in four ways that this file hides:
 * they tell "flushed" per write and not per byte, so big backlogs are fed in bounded pieces;
 * `end()` leaves them open until the remote ends too, so a close destroys them after the flush;
 * they destroy themselves when both sides have ended, so that loss is held back until the owner closes;
 * they may report an error and a close, or either alone, so the loss is reported from `close` with the error kept.
 */
import type { Duplex } from "node:stream"
import { rpcError } from "../../protocol/errors.ts"
import { Backlog } from "./backlog.ts"
import type { StreamEvents, StreamTransport } from "./transport.ts"

export interface StreamOptions {
  readonly readable?: boolean
  readonly writable?: boolean
  /** Whether the writing side can end alone; TLS cannot. */
  readonly halfClose?: boolean
  /** `close` waits this long, after the flush, for the remote to end too; by default it does not wait. */
  readonly awaitRemoteEnd?: RemoteEnd
}

/** How long to wait for the end of the remote, and with what. */
export interface RemoteEnd {
  readonly timeoutMs: number
  /** Calls `action` after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void
}

type State = "open" | "closing" | "released" | "lost"

/** Leads from a stream of Node's to what it is here. */
const TRANSPORT = Symbol("transport")

type Taken = Duplex & { [TRANSPORT]: NodeStream }

/** Hears the errors of a stream that is on its way to be taken over. A closure would keep what made it in memory. */
export function unheard(): void {}

export class NodeStream implements StreamTransport {
  readonly readable: boolean
  readonly writable: boolean
  readonly canWriteEof: boolean
  readonly #stream: Duplex
  readonly #awaitRemoteEnd: RemoteEnd | undefined
  readonly #events: StreamEvents
  #state: State = "open"
  #wroteEof = false
  #reading = false
  #handover: { resolve(stream: Duplex): void; reject(error: Error): void } | null = null
  /** Whether only the end of the remote is waited for. */
  #farewell = false
  #error: Error | null = null
  /** What was written; null while nothing ever was. */
  #backlog: Backlog | null = null

  /** Takes `stream` over, from whoever listened to its errors as {@link unheard}. Once. */
  constructor(
    stream: Duplex,
    events: StreamEvents,
    { readable = true, writable = true, halfClose = true, awaitRemoteEnd }: StreamOptions = {},
  ) {
    this.#stream = stream
    this.#events = events
    this.readable = readable
    this.writable = writable
    this.canWriteEof = writable && halfClose
    this.#awaitRemoteEnd = awaitRemoteEnd
    this.#listen()
  }

  get isClosing(): boolean {
    return this.#state !== "open"
  }

  get wroteEof(): boolean {
    return this.#wroteEof
  }

  resumeReading(): void {
    if (this.#reading || this.#state !== "open" || !this.readable) return
    this.#reading = true
    this.#stream.resume()
  }

  pauseReading(): void {
    if (!this.#reading) return
    this.#reading = false
    this.#stream.pause()
  }

  write(chunk: Uint8Array): void {
    if (this.#state !== "open" || this.#wroteEof || !this.writable || chunk.byteLength === 0) return
    this.#backlog ??= new Backlog(this.#stream, (bytes) => this.#flushed(bytes))
    this.#backlog.put(chunk)
  }

  writeEof(): void {
    if (this.#state !== "open" || this.#wroteEof || !this.canWriteEof) return
    this.#wroteEof = true
    this.#feed()
  }

  close(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#stopReading()
    if (this.#stream.destroyed) this.#lose(null)
    else if (this.writable) this.#feed()
    else this.#stream.destroy()
  }

  abort(): void {
    if (this.#state === "lost") return
    this.#state = "closing"
    this.#backlog?.clear()
    this.#error = null
    this.#stopReading()
    if (this.#stream.destroyed) this.#lose(null)
    else this.#stream.destroy()
  }

  /**
   * Gives the stream away once all that was written is with the system; what comes from now on stays in it. Nothing is
   * reported any more, but for what is flushed. Rejects when it ends before.
   */
  release(): Promise<Duplex> {
    this.#stopReading()
    this.#state = "released"
    return new Promise((resolve, reject) => {
      this.#handover = { resolve, reject }
      if (this.#stream.destroyed) this.#closed()
      else this.#feed()
    })
  }

  /**
   * Not arrows: one function for all streams, each of which Node calls it on. Four closures for each took 260 bytes.
   */
  #listen(): void {
    const stream = this.#stream as Taken
    stream[TRANSPORT] = this
    stream.on("error", NodeStream.#onError).off("error", unheard)
    stream.on("close", NodeStream.#onClose)
    if (!this.readable) return
    // Paused first: a listener for data would start the flow.
    stream.pause()
    stream.on("data", NodeStream.#onData)
    stream.on("end", NodeStream.#onEnd)
  }

  static #onError(this: Taken, error: Error): void {
    this[TRANSPORT].#failed(error)
  }

  static #onClose(this: Taken): void {
    this[TRANSPORT].#closed()
  }

  static #onData(this: Taken, chunk: Buffer): void {
    const transport = this[TRANSPORT]
    if (transport.#state !== "open") return
    transport.#events.data(chunk)
    // Platform: Node resumes the pipes of a process when it exits, whoever paused them.
    if (!transport.#reading) this.pause()
  }

  static #onEnd(this: Taken): void {
    const transport = this[TRANSPORT]
    if (transport.#state === "open") transport.#events.eof()
  }

  /** What still comes is dropped: nobody is told of it after `close`. */
  #stopReading(): void {
    this.#reading = false
    this.#stream.pause()
  }

  #feed(): void {
    const backlog = this.#backlog
    if (backlog?.feed() === false) return
    if (this.#state === "open" && !this.#wroteEof) return
    backlog?.flush()
    if (this.#state === "released" && this.#hasWrittenAll) this.#handover?.resolve(this.#stream)
    else if (this.#state === "closing") this.#endThenDestroy()
    else if (this.#wroteEof && !this.#stream.writableEnded) this.#stream.end()
  }

  get #hasWrittenAll(): boolean {
    return this.#backlog === null || this.#backlog.isEmpty
  }

  #flushed(bytes: number): void {
    if (this.#state === "lost") return
    this.#events.flushed(bytes)
    this.#feed()
  }

  /** Why not `end()` alone: the stream would stay open until the remote ends too. */
  #endThenDestroy(): void {
    const stream = this.#stream
    if (stream.writableFinished) this.#allOut()
    else {
      stream.once("finish", () => this.#allOut())
      if (!stream.writableEnded) stream.end()
    }
  }

  /** All is out, our end of file too. What still comes is dropped. */
  #allOut(): void {
    const stream = this.#stream
    const wait = this.#awaitRemoteEnd
    if (wait === undefined || stream.readableEnded) return void stream.destroy()
    const { timeoutMs, after } = wait
    this.#farewell = true
    const stop = after(timeoutMs, () => {
      const message = `the remote did not end its side within ${timeoutMs} ms after the close`
      this.#error = rpcError("TimedOut", message, { operation: "close", timeoutMs })
      stream.destroy()
    })
    stream.once("end", () => stream.destroy())
    stream.once("close", stop)
    stream.resume()
  }

  /** Platform: a TLS socket reports an error and stays open. */
  #failed(error: Error): void {
    // A remote that goes without a word after our last one has done no harm.
    if (!this.#farewell) this.#error ??= error
    if (this.#state !== "released") this.#stream.destroy()
  }

  /** Node has closed the descriptor: by our will, by an error, or because both sides have ended. */
  #closed(): void {
    if (this.#state === "released") {
      return this.#handover?.reject(this.#error ?? new Error("the remote is gone"))
    }
    // Both sides have ended in peace: asyncio's transport stays until its owner closes it.
    if (this.#state === "open" && this.#error === null && this.readable && this.writable) return
    this.#lose(this.#error ?? (this.#state === "open" ? this.#brokenPipe() : null))
  }

  /** Node drops what was left for a process that ended without a word. */
  #brokenPipe(): Error | null {
    if (this.#hasWrittenAll) return null
    return Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" })
  }

  #lose(error: Error | null): void {
    if (this.#state === "lost") return
    this.#state = "lost"
    this.#backlog?.clear()
    // Never from inside `close()` or `abort()`: their caller is not prepared for it.
    process.nextTick(() => this.#events.lost(error))
  }
}
