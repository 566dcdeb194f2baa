/** Bytes that were sent and may have to be sent again: in order, until somebody is known to have them. Does no I/O. */
export class Unsure {
  readonly #keeps: boolean
  #chunks: Buffer[] = []
  /** Where the first of them stands among all that were sent. */
  #from = 0
  #to = 0

  /** @param keeps whether they ever may have to; otherwise they are only counted. */
  constructor(keeps: boolean) {
    this.#keeps = keeps
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#to - this.#from
  }

  /** How many bytes were sent, ever. */
  get to(): number {
    return this.#to
  }

  /** The bytes that are kept. */
  get chunks(): readonly Buffer[] {
    return this.#chunks
  }

  /** Keeps `chunk`, whose memory must stay as it is. */
  push(chunk: Buffer): void {
    this.#to += chunk.length
    if (this.#keeps) this.#chunks.push(chunk)
    else this.#from = this.#to
  }

  /** Forgets what stands before `offset`. */
  forget(offset: number): void {
    let [passed, from] = [0, this.#from]
    for (let next = this.#chunks[0]; next !== undefined && from + next.length <= offset; next = this.#chunks[passed]) {
      from += next.length
      passed++
    }
    const left = this.#chunks.slice(passed)
    const first = left[0]
    if (first !== undefined && offset > from) {
      left[0] = first.subarray(offset - from)
      from = offset
    }
    this.#chunks = left
    this.#from = from
  }
}
