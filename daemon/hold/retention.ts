/** Bytes of one direction by absolute offset: appended at one end, forgotten at the other, read anywhere between. */

/** Chunks below this are packed together: a Buffer for each byte would cost a hundred times the byte. */
const SMALL_BYTES = 4 * 1024
const BLOCK_BYTES = 64 * 1024

/** One for all: an empty Buffer takes 200 bytes, and most transports never keep anything. */
const NOTHING = Buffer.alloc(0)

interface Chunk {
  readonly from: number
  data: Buffer
}

export class Retention {
  #chunks: Chunk[] = []
  #from = 0
  #to = 0
  /** Where the next small chunk is copied to: the unused end of the block that the last chunk is part of. */
  #room: Buffer = NOTHING

  /** The first byte that is still here. */
  get from(): number {
    return this.#from
  }

  /** One past the last byte that ever came. */
  get to(): number {
    return this.#to
  }

  /** Takes a copy of what came next. */
  append(chunk: Buffer): void {
    const last = this.#chunks.at(-1)
    if (chunk.length >= SMALL_BYTES) {
      this.#chunks.push({ from: this.#to, data: Buffer.from(chunk) })
      this.#room = NOTHING
    } else if (last !== undefined && chunk.length <= this.#room.length) {
      chunk.copy(this.#room)
      this.#room = this.#room.subarray(chunk.length)
      last.data = Buffer.from(last.data.buffer, last.data.byteOffset, last.data.length + chunk.length)
    } else {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      chunk.copy(block)
      this.#chunks.push({ from: this.#to, data: block.subarray(0, chunk.length) })
      this.#room = block.subarray(chunk.length)
    }
    this.#to += chunk.length
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
    this.#chunks = this.#chunks.filter((chunk) => chunk.from < from)
    const last = this.#chunks.at(-1)
    if (last !== undefined) last.data = last.data.subarray(0, from - last.from)
    this.#room = NOTHING
    this.#to = from
    return Buffer.concat(taken)
  }

  /** At most `maxBytes` from `offset` on, without a copy; null when there is nothing at or behind `offset`. */
  read(offset: number, maxBytes: number): Buffer | null {
    if (offset < this.#from || offset >= this.#to) return null
    const { from, data } = this.#chunks[this.#find(offset)] as Chunk
    return data.subarray(offset - from, offset - from + maxBytes)
  }

  /** Forgets what is below `offset`, to the byte; memory is given back chunk by chunk. */
  trim(offset: number): void {
    if (offset <= this.#from) return
    this.#from = Math.min(offset, this.#to)
    if (this.#from === this.#to) {
      this.#chunks = []
      this.#room = NOTHING
      return
    }
    const first = this.#find(this.#from)
    if (first > 0) this.#chunks.splice(0, first)
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
