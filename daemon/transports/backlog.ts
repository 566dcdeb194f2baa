/**
 * What was written to a stream and is not with the system yet: fed to Node in bounded pieces, and reported as the
 * system takes it. Made when something is first written: an idle connection is spared 400 bytes.
 */
import type { Duplex } from "node:stream"
import { LARGE_BYTES, Outflow } from "../../protocol/outflow.ts"
import { Queue } from "../../protocol/queue.ts"
import { DirectWriter } from "../../sockets/direct.ts"

/** Most bytes handed to Node at once: what it holds is reported flushed only as a whole (it gathers writes). */
const HANDED_BYTES = 256 * 1024

/** Largest piece of one write, so that one large write is reported in parts. */
const PIECE_BYTES = 64 * 1024

let due: Backlog[] = []

/** When this call from the event loop is over, for all: a tick for each took 0.5 µs. */
function endTurn(): void {
  const backlogs = due
  due = []
  for (const backlog of backlogs) backlog.endTurn()
}

export class Backlog {
  readonly #stream: Duplex
  readonly #taken: (bytes: number) => void
  /** On its way into Node. */
  readonly #outflow: Outflow
  /** Accepted, and more than Node is to hold. */
  readonly #queue = new Queue<Uint8Array>()
  /** Given to `#outflow`, and not yet reported as handed to the system. */
  #handedBytes = 0
  #isDue = false

  /** @param taken called when the system has taken so many bytes more. */
  constructor(stream: Duplex, taken: (bytes: number) => void) {
    this.#stream = stream
    this.#taken = taken
    this.#outflow = new Outflow(stream, {
      direct: new DirectWriter(stream),
      written: () => this.#report(),
    })
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

  /** What was handed on leaves, if it did not yet, and what the system has is reported. */
  endTurn(): void {
    this.#isDue = false
    this.#outflow.flush()
    this.#report()
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
    this.#handedBytes += piece.byteLength
    this.#outflow.putBytes(piece)
    if (piece.byteLength >= LARGE_BYTES || this.#outflow.gatheredBytes >= PIECE_BYTES) this.#outflow.flush()
    if (this.#isDue) return
    this.#isDue = true
    if (due.length === 0) process.nextTick(endTurn)
    due.push(this)
  }

  /**
   * Reports what the system has taken since the last time. Never inside {@link put}: who hears of it may write more.
   * Node calls this in a row for all writes that it gathered: the first call reports the whole, the others find nothing.
   */
  #report(): void {
    const bytes = this.#handedBytes - this.#outflow.pendingBytes
    // What a stream drops with its end, or could not write, is not pending either, and nobody has it.
    if (bytes === 0 || this.#stream.destroyed || this.#stream.errored) return
    this.#handedBytes -= bytes
    this.#outflow.reclaim()
    this.#taken(bytes)
  }
}
