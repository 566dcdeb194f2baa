/**
 * What was written to a stream and is not with the system yet: fed to Node in bounded pieces, and reported as the
 * system takes it. Made when something is first written: an idle connection is spared 400 bytes.
 */
import type { Duplex } from "node:stream"
import { Outflow } from "../../protocol/outflow.ts"
import { Queue } from "../../protocol/queue.ts"

/** Most bytes handed to Node at once: what it holds is reported flushed only as a whole (it gathers writes). */
const HANDED_BYTES = 256 * 1024

/** Largest piece of one write, so that one large write is reported in parts. */
const PIECE_BYTES = 64 * 1024

/** Smaller writes of one turn are gathered into one system call; for a larger one the wait costs more than the call. */
const GATHERED_BYTES = 8 * 1024

let due: Backlog[] = []

/** Flushes `backlog` when this call from the event loop is over. One tick for all: a tick for each took 0.5 µs. */
function flushAtEndOfTurn(backlog: Backlog): void {
  if (due.length === 0) process.nextTick(flushAll)
  due.push(backlog)
}

function flushAll(): void {
  const backlogs = due
  due = []
  for (const backlog of backlogs) backlog.flush()
}

export class Backlog {
  readonly #taken: (bytes: number) => void
  /** On its way into Node. */
  readonly #outflow: Outflow
  /** Accepted, and more than Node is to hold. */
  readonly #queue = new Queue<Uint8Array>()
  /** Given to `#outflow`, and not yet reported as handed to the system. */
  #handedBytes = 0

  /** @param taken called when the system has taken so many bytes more. */
  constructor(stream: Duplex, taken: (bytes: number) => void) {
    this.#taken = taken
    this.#outflow = new Outflow(stream, { reuses: true, written: (error) => this.#written(error) })
  }

  /** Whether the system has all of it. */
  get isEmpty(): boolean {
    return this.#handedBytes === 0 && this.#queue.length === 0
  }

  /** Takes a copy. */
  put(chunk: Uint8Array): void {
    if (chunk.byteLength <= PIECE_BYTES) this.#put(chunk)
    else for (let at = 0; at < chunk.byteLength; at += PIECE_BYTES) this.#put(chunk.subarray(at, at + PIECE_BYTES))
  }

  /** Hands on as much as Node is to hold; whether that is all of it. */
  feed(): boolean {
    let next: Uint8Array | undefined
    while (this.#hasRoom && (next = this.#queue.shift()) !== undefined) this.#hand(next)
    return this.#queue.length === 0
  }

  /** What was handed on leaves now, and not at the end of the turn. */
  flush(): void {
    this.#outflow.flush()
  }

  /** Drops what Node does not have. */
  clear(): void {
    this.#queue.clear()
  }

  #put(piece: Uint8Array): void {
    if (this.#queue.length === 0 && this.#hasRoom) this.#hand(piece)
    else this.#queue.push(Buffer.from(piece))
  }

  get #hasRoom(): boolean {
    return this.#outflow.pendingBytes < HANDED_BYTES
  }

  #hand(piece: Uint8Array): void {
    const isFirst = this.#outflow.gatheredBytes === 0
    this.#handedBytes += piece.byteLength
    this.#outflow.putBytes(piece)
    if (piece.byteLength >= GATHERED_BYTES || this.#outflow.gatheredBytes >= PIECE_BYTES) this.#outflow.flush()
    else if (isFirst) flushAtEndOfTurn(this)
  }

  /**
   * Node has handed a write to the system. It calls this in a row for all that it gathered, one function for all of
   * them in a single tick: the first call reports the whole, the others find nothing.
   */
  #written(error?: Error | null): void {
    const bytes = this.#handedBytes - this.#outflow.pendingBytes
    if (error || bytes === 0) return
    this.#handedBytes -= bytes
    this.#outflow.reclaim()
    this.#taken(bytes)
  }
}
