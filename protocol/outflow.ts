/**
 * Bytes on their way into one of Node's streams: many at once to the system, as far as that has room, all others copied
 * once, into memory that is used again.
 * Knows neither what they mean nor when they should leave: its two users, the framing and the transports, do.
 */
import type { Writable } from "node:stream"
import { giveSlab, SLAB_BYTES, takeSlab } from "./slabs.ts"

/** A remainder below this is copied when a stream has to keep it: a whole slab would be held for a few bytes. */
const SMALL_BYTES = 16 * 1024

const NOTHING = Buffer.alloc(0)

/** So many leave at once, with what came before them: to wait for company would let the other end wait. */
export const LARGE_BYTES = 8 * 1024

/** Writes past a stream, which is a socket or pipe of the system. */
export interface Direct {
  /** How much of `first`, and of `second` behind it, the system has taken; 0 where the stream has to do it. */
  write(first: Uint8Array, second?: Uint8Array): number
}

export interface OutflowOptions {
  /** Absent: the stream may hold memory of what it counts as written, as those do that pass on what they are given. */
  readonly direct?: Direct | undefined
  /** Called by the stream for each write of its own, once for each: when the system took it, or it failed. */
  readonly written?: () => void
}

export class Outflow {
  readonly #output: Writable
  readonly #written: (() => void) | undefined
  readonly #direct: Direct | undefined
  /**
   * What came alone, and is not large, needs no slab: many streams may have something in one turn, each a little.
   * (One write of 64 bytes for each of 500 transports: 500 slabs would be 64 MB.)
   */
  #alone: Buffer | null = null
  #slab: Buffer = NOTHING
  #gatheredBytes = 0
  /** With the stream, which has not handed all of them to the system. */
  #lent: Buffer[] = []

  constructor(output: Writable, { direct, written }: OutflowOptions) {
    this.#output = output
    this.#direct = direct
    this.#written = written
  }

  /** Gathered here, and not with the stream yet. */
  get gatheredBytes(): number {
    return this.#gatheredBytes
  }

  /** Taken, and not handed to the system. */
  get pendingBytes(): number {
    return this.#gatheredBytes + this.#output.writableLength
  }

  /** Takes `text`, which has `bytes` bytes in UTF-8. */
  putText(text: string, bytes: number): void {
    if (bytes > SLAB_BYTES) return this.putBytes(Buffer.from(text, "utf8"))
    this.#join()
    if (bytes > this.#slab.length - this.#gatheredBytes) this.#makeRoom()
    // One byte for each character: then the shorter way through Node is open.
    this.#slab.write(text, this.#gatheredBytes, text.length === bytes ? "latin1" : "utf8")
    this.#gatheredBytes += bytes
  }

  /** Takes `bytes`. Their memory is the caller's again: what does not leave in this call is copied. */
  putBytes(bytes: Uint8Array): void {
    const isLarge = bytes.byteLength >= LARGE_BYTES
    if (isLarge) this.#gather(bytes, this.#sendWith(bytes))
    else if (this.#gatheredBytes > 0) this.#gather(bytes, 0)
    else {
      this.#alone = Buffer.from(bytes)
      this.#gatheredBytes = bytes.byteLength
    }
  }

  /** Hands to the stream what was gathered. A stream that takes no more: it is dropped. */
  flush(): void {
    if (this.#gatheredBytes > 0) this.#hand(0)
  }

  /** To be called now and then: takes slabs back of which the system has all. */
  reclaim(): void {
    if (this.#lent.length === 0 || this.#output.writableLength > 0) return
    for (const slab of this.#lent) giveSlab(slab)
    this.#lent = []
  }

  get #gathered(): Buffer {
    return this.#alone ?? this.#slab.subarray(0, this.#gatheredBytes)
  }

  /** Copies `bytes` from `from` on. */
  #gather(bytes: Uint8Array, from: number): void {
    if (from === bytes.byteLength) return
    this.#join()
    for (let at = from; at < bytes.byteLength;) {
      if (this.#gatheredBytes === this.#slab.length) this.#makeRoom()
      const room = this.#slab.length - this.#gatheredBytes
      const piece = at === 0 && bytes.byteLength <= room ? bytes : bytes.subarray(at, at + room)
      this.#slab.set(piece, this.#gatheredBytes)
      this.#gatheredBytes += piece.byteLength
      at += piece.byteLength
    }
  }

  /** Sends what was gathered and `bytes` behind it, as far as the system has room. @returns how much of `bytes`. */
  #sendWith(bytes: Uint8Array): number {
    const before = this.#gatheredBytes
    const sent = (before === 0 ? this.#direct?.write(bytes) : this.#direct?.write(this.#gathered, bytes)) ?? 0
    if (sent > 0 && before > 0) this.#hand(Math.min(sent, before))
    return Math.max(0, sent - before)
  }

  /** Gives the stream what was gathered, but for the first `sentBytes`. */
  #hand(sentBytes: number): void {
    const output = this.#output
    const isAlone = this.#alone !== null
    const rest = this.#gathered.subarray(sentBytes)
    const isBusy = this.#direct === undefined || output.writableLength > 0
    this.#alone = null
    this.#gatheredBytes = 0
    if (rest.length === 0 || !output.writable) return this.#letGo()
    if (isAlone) return void output.write(rest, this.#written)
    this.reclaim()
    if (isBusy && rest.length < SMALL_BYTES) {
      output.write(Buffer.from(rest), this.#written)
      return this.#letGo()
    }
    output.write(rest, this.#written)
    // The usual case: the system has it all, and the slab is ours again.
    if (this.#direct !== undefined && output.writableLength === 0) return this.#letGo()
    if (this.#direct !== undefined) this.#lent.push(this.#slab)
    this.#slab = NOTHING
  }

  /** What came alone has company. */
  #join(): void {
    const alone = this.#alone
    if (alone === null) return
    this.#alone = null
    this.#slab = takeSlab()
    this.#slab.set(alone)
  }

  #makeRoom(): void {
    this.flush()
    this.#slab = takeSlab()
  }

  #letGo(): void {
    if (this.#slab !== NOTHING) giveSlab(this.#slab)
    this.#slab = NOTHING
  }
}
