/**
 * Bytes on their way into one of Node's streams, each copied once, into memory that is used again.
 * Knows neither what they mean nor when they should leave: its two users, the framing and the transports, do.
 */
import type { Writable } from "node:stream"
import { giveSlab, SLAB_BYTES, takeSlab } from "./slabs.ts"

/** A remainder below this is copied when a stream has to keep it: a whole slab would be held for a few bytes. */
const SMALL_BYTES = 16 * 1024

const NOTHING = Buffer.alloc(0)

/**
 * What comes alone, and is smaller, needs no slab: many streams may have something in one turn, each a little.
 * (One write of 64 bytes for each of 500 transports: 500 slabs would be 64 MB.)
 */
const ALONE_BYTES = 8 * 1024

export class Outflow {
  readonly #output: Writable
  readonly #reuses: boolean
  readonly #written: ((error?: Error | null) => void) | undefined
  #alone: Buffer | null = null
  #slab: Buffer = NOTHING
  #gatheredBytes = 0
  /** With the stream, which has not handed all of them to the system. */
  #lent: Buffer[] = []

  /**
   * @param reuses whether `output` holds no memory any more of what it counts as written: so do sockets and pipes of the
   * system, and streams that pass on what they are given do not.
   * @param written called by the stream for each write that the system took; once for each.
   */
  constructor(output: Writable, { reuses, written }: { reuses: boolean; written?: (error?: Error | null) => void }) {
    this.#output = output
    this.#reuses = reuses
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

  /** Takes a copy of `bytes`. */
  putBytes(bytes: Uint8Array): void {
    if (this.#gatheredBytes === 0 && bytes.byteLength < ALONE_BYTES) {
      this.#alone = Buffer.from(bytes)
      this.#gatheredBytes = bytes.byteLength
      return
    }
    this.#join()
    for (let at = 0; at < bytes.byteLength;) {
      if (this.#gatheredBytes === this.#slab.length) this.#makeRoom()
      const room = this.#slab.length - this.#gatheredBytes
      const piece = at === 0 && bytes.byteLength <= room ? bytes : bytes.subarray(at, at + room)
      this.#slab.set(piece, this.#gatheredBytes)
      this.#gatheredBytes += piece.byteLength
      at += piece.byteLength
    }
  }

  /** Hands to the stream what was gathered. A stream that takes no more: it is dropped. */
  flush(): void {
    const bytes = this.#gatheredBytes
    if (bytes === 0) return
    this.#gatheredBytes = 0
    const output = this.#output
    const alone = this.#alone
    this.#alone = null
    if (!output.writable) return this.#letGo()
    if (alone !== null) return void output.write(alone, this.#written)
    this.reclaim()
    const gathered = this.#slab.subarray(0, bytes)
    const isBusy = !this.#reuses || output.writableLength > 0
    if (isBusy && bytes < SMALL_BYTES) {
      output.write(Buffer.from(gathered), this.#written)
      return this.#letGo()
    }
    output.write(gathered, this.#written)
    // The usual case: the system has it all, and the slab is ours again.
    if (this.#reuses && output.writableLength === 0) return this.#letGo()
    if (this.#reuses) this.#lent.push(this.#slab)
    this.#slab = NOTHING
  }

  /** To be called now and then: takes slabs back of which the system has all. */
  reclaim(): void {
    if (this.#lent.length === 0 || this.#output.writableLength > 0) return
    for (const slab of this.#lent) giveSlab(slab)
    this.#lent = []
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
