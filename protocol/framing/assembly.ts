/**
 * The bytes of one header block, body or line that came in more than one chunk.
 * Knows nothing of what they mean. Most frames lie within one chunk and never come here.
 */

/** Bytes put together in one Buffer. With an exact capacity every byte is copied once, else at most twice on average. */
export class Assembly {
  #bytes: Buffer
  #length = 0

  /** `capacityBytes`: the final length where it is known, else a first guess. */
  constructor(capacityBytes: number) {
    // Slow means: not from the shared pool, so a body that is kept long pins nothing but itself. The memory is not
    // zeroed, hence not touched: a length that is announced and never sent costs address space only.
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes)
  }

  get length(): number {
    return this.#length
  }

  /** What came so far: a view, valid until the next `append`. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Copies `chunk` from `start` up to `end` behind what is there. */
  append(chunk: Buffer, start: number, end: number): void {
    const length = this.#length + end - start
    if (length > this.#bytes.length) this.#grow(Math.max(length, 2 * this.#bytes.length))
    chunk.copy(this.#bytes, this.#length, start, end)
    this.#length = length
  }

  #grow(capacityBytes: number): void {
    const grown = Buffer.allocUnsafeSlow(capacityBytes)
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}
