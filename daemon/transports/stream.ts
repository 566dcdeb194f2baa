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
import { Outflow } from "../../protocol/outflow.ts"
import { Queue } from "../../protocol/queue.ts"
import type { StreamEvents, StreamTransport } from "./transport.ts"

/** Most bytes handed to Node at once: what it holds is reported flushed only as a whole (it gathers writes). */
const HANDED_BYTES = 256 * 1024

/** Largest piece of one write, so that one large write is reported in parts. */
const PIECE_BYTES = 64 * 1024

/** Smaller writes of one turn are gathered into one system call; for a larger one the wait costs more than the call. */
const GATHERED_BYTES = 8 * 1024

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

let flushes: Array<() => void> = []

/** Calls `flush` when this call from the event loop is over. One tick for all that ask: a tick for each took 0.5 µs. */
function atEndOfTurn(flush: () => void): void {
  if (flushes.length === 0) process.nextTick(flushAll)
  flushes.push(flush)
}

function flushAll(): void {
  const due = flushes
  flushes = []
  for (const flush of due) flush()
}

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
  /** On its way into Node. */
  readonly #outflow: Outflow
  /** Accepted, and more than Node is to hold. */
  readonly #queue = new Queue<Uint8Array>()
  /** Given to `#outflow`, and not yet reported as handed to the system. */
  #handedBytes = 0

  constructor(
    stream: Duplex,
    events: StreamEvents,
    { readable = true, writable = true, halfClose = true, awaitRemoteEnd }: StreamOptions = {},
  ) {
    this.#stream = stream
    this.#outflow = new Outflow(stream, { reuses: true, written: this.#report })
    this.#events = events
    this.readable = readable
    this.writable = writable
    this.canWriteEof = writable && halfClose
    this.#awaitRemoteEnd = awaitRemoteEnd
    stream.on("error", (error) => this.#failed(error))
    stream.on("close", () => this.#closed())
    if (readable) this.#listen()
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
    if (chunk.byteLength <= PIECE_BYTES) this.#put(chunk)
    else for (let at = 0; at < chunk.byteLength; at += PIECE_BYTES) this.#put(chunk.subarray(at, at + PIECE_BYTES))
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
    this.#queue.clear()
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

  /** Paused first: a listener for data would start the flow. */
  #listen(): void {
    this.#stream.pause()
    this.#stream.on("data", (chunk: Buffer) => {
      if (this.#state !== "open") return
      this.#events.data(chunk)
      // Platform: Node resumes the pipes of a process when it exits, whoever paused them.
      if (!this.#reading) this.#stream.pause()
    })
    this.#stream.on("end", () => {
      if (this.#state === "open") this.#events.eof()
    })
  }

  /** What still comes is dropped: nobody is told of it after `close`. */
  #stopReading(): void {
    this.#reading = false
    this.#stream.pause()
  }

  /** Takes a copy. */
  #put(piece: Uint8Array): void {
    if (this.#queue.length === 0 && this.#hasRoom) this.#hand(piece)
    else this.#queue.push(Buffer.from(piece))
  }

  #feed(): void {
    let next: Uint8Array | undefined
    while (this.#hasRoom && (next = this.#queue.shift()) !== undefined) this.#hand(next)
    if (this.#queue.length > 0) return
    if (this.#state === "open" && !this.#wroteEof) return
    this.#outflow.flush()
    if (this.#state === "released" && this.#handedBytes === 0) this.#handover?.resolve(this.#stream)
    else if (this.#state === "closing") this.#endThenDestroy()
    else if (this.#wroteEof && !this.#stream.writableEnded) this.#stream.end()
  }

  get #hasRoom(): boolean {
    return this.#outflow.pendingBytes < HANDED_BYTES
  }

  #hand(piece: Uint8Array): void {
    const isFirst = this.#outflow.gatheredBytes === 0
    this.#handedBytes += piece.byteLength
    this.#outflow.putBytes(piece)
    if (piece.byteLength >= GATHERED_BYTES || this.#outflow.gatheredBytes >= PIECE_BYTES) this.#outflow.flush()
    else if (isFirst) atEndOfTurn(this.#flush)
  }

  readonly #flush = (): void => this.#outflow.flush()

  /**
   * Node has handed a write to the system. It calls this in a row for all that it gathered, one function for all of
   * them in a single tick: the first call reports the whole, the others find nothing.
   */
  readonly #report = (error?: Error | null): void => {
    const bytes = this.#handedBytes - this.#outflow.pendingBytes
    if (error || bytes === 0) return
    this.#handedBytes -= bytes
    this.#outflow.reclaim()
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
    if (this.#handedBytes === 0 && this.#queue.length === 0) return null
    return Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" })
  }

  #lose(error: Error | null): void {
    if (this.#state === "lost") return
    this.#state = "lost"
    this.#queue.clear()
    // Never from inside `close()` or `abort()`: their caller is not prepared for it.
    process.nextTick(() => this.#events.lost(error))
  }
}
