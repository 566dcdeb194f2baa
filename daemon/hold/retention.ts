/** Bytes of one direction by absolute offset: appended at one end, forgotten at the other, read anywhere between. */
import { giveSlab, SLAB_BYTES, takeSlab } from "../../protocol/slabs.ts"

/** One for all: an empty Buffer takes 200 bytes, and most transports never keep anything. */
const NOTHING = Buffer.alloc(0)

/**
 * Up to here memory is taken by need, in growing pieces out of Node's pool: a slab for each of 10 000 transports with
 * 64 bytes each was 1.3 GB in V8's books, which then collected in full for every 300 of them.
 */
const SMALL_BYTES = 2048

/** What lies in one piece of memory. */
interface Chunk {
  readonly from: number
  readonly memory: Buffer
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
      const last = this.#withRoom(bytes.length - at)
      const copied = bytes.copy(last.memory, last.length, at)
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
    const { from, memory, length } = this.#chunks[this.#find(offset)] as Chunk
    return memory.subarray(offset - from, Math.min(length, offset - from + maxBytes))
  }

  /** Forgets what is below `offset`, to the byte; memory is given back chunk by chunk. */
  trim(offset: number): void {
    if (offset <= this.#from) return
    this.#from = Math.min(offset, this.#to)
    const first = this.#from === this.#to ? this.#chunks.length : this.#find(this.#from)
    if (first > 0) for (const { memory } of this.#chunks.splice(0, first)) giveBack(memory)
  }

  /** The chunk that what comes next goes to, or the beginning of it; `bytes` is how much comes. */
  #withRoom(bytes: number): Chunk {
    const last = this.#chunks.at(-1)
    if (last !== undefined && last.length < last.memory.length) return last
    const next = { from: this.#to, memory: take(Math.max(bytes, this.#to - this.#from)), length: 0 }
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

/** As many bytes, or a slab. */
function take(bytes: number): Buffer {
  return bytes > SMALL_BYTES ? takeSlab() : Buffer.allocUnsafe(bytes)
}

function giveBack(memory: Buffer): void {
  if (memory.length === SLAB_BYTES) giveSlab(memory)
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}
