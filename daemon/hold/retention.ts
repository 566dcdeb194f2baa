/** Bytes of one direction by absolute offset: appended at one end, forgotten at the other, read anywhere between. */
import { giveSlab, SLAB_BYTES, takeSlab } from "../../protocol/slabs.ts"

/** One for all: an empty Buffer takes 200 bytes, and most transports never keep anything. */
const NOTHING = Buffer.alloc(0)

/** What lies in one slab. */
interface Chunk {
  readonly from: number
  readonly slab: Buffer
  length: number
}

export class Retention {
  #chunks: Chunk[] = []
  #from = 0
  #to = 0

  /** The first byte that is still here. */
  get from(): number {
    return this.#from
  }

  /** One past the last byte that ever came. */
  get to(): number {
    return this.#to
  }

  /** Takes a copy of what came next. */
  append(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const last = this.#withRoom()
      const copied = bytes.copy(last.slab, last.length, at)
      last.length += copied
      this.#to += copied
      at += copied
    }
  }

  /** Counts `bytes` that came and need not be kept, nor anything before them. */
  pass(bytes: number): void {
    this.trim(this.#to)
    this.#to += bytes
    this.#from = this.#to
  }

  /** Removes and returns what came from `offset` on: it counts as not having come. */
  takeBack(offset: number): Buffer {
    const from = Math.max(offset, this.#from)
    const taken: Buffer[] = []
    for (let chunk = this.read(from, Infinity); chunk !== null; chunk = this.read(from + lengthOf(taken), Infinity)) {
      taken.push(chunk)
    }
    if (taken.length === 0) return NOTHING
    const all = Buffer.concat(taken)
    while (this.#chunks.length > 0 && (this.#chunks.at(-1) as Chunk).from >= from) this.#chunks.pop()
    const last = this.#chunks.at(-1)
    if (last !== undefined) last.length = from - last.from
    this.#to = from
    return all
  }

  /**
   * At most `maxBytes` from `offset` on; null when there is nothing at or behind `offset`.
   * Not copied: the memory is used again once what is in it was trimmed.
   */
  read(offset: number, maxBytes: number): Buffer | null {
    if (offset < this.#from || offset >= this.#to) return null
    const { from, slab, length } = this.#chunks[this.#find(offset)] as Chunk
    return slab.subarray(offset - from, Math.min(length, offset - from + maxBytes))
  }

  /** Forgets what is below `offset`, to the byte; memory is given back chunk by chunk. */
  trim(offset: number): void {
    if (offset <= this.#from) return
    this.#from = Math.min(offset, this.#to)
    const first = this.#from === this.#to ? this.#chunks.length : this.#find(this.#from)
    if (first > 0) for (const { slab } of this.#chunks.splice(0, first)) giveSlab(slab)
  }

  /** The chunk that what comes next goes to. */
  #withRoom(): Chunk {
    const last = this.#chunks.at(-1)
    if (last !== undefined && last.length < SLAB_BYTES) return last
    const next = { from: this.#to, slab: takeSlab(), length: 0 }
    this.#chunks.push(next)
    return next
  }

  /** The index of the chunk that holds `offset`. */
  #find(offset: number): number {
    let low = 0
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#chunks[middle] as Chunk).from <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}
