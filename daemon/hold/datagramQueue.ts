/** Datagrams that wait for a client, with what was dropped between them in its place. Knows no client. */
import type { InetAddress } from "../transports/tcp.ts"

export interface Datagram {
  readonly data: Buffer
  readonly addr: InetAddress
}

/** Empty datagrams take no bytes of a window: this bounds them. */
const MAX_WAITING_DATAGRAMS = 16_384

interface Waiting extends Datagram {
  /** How many were dropped between the one before and this. */
  readonly lostBefore: number
}

export class DatagramQueue {
  readonly #waiting: Waiting[] = []
  #bytes = 0
  /** Dropped behind all that waits. */
  #lost = 0

  /** The bytes of what waits. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#lost === 0
  }

  /** Keeps `datagram` if what waits stays within `maxBytes`; else counts it as lost. */
  push(datagram: Datagram, maxBytes: number): boolean {
    const { length } = datagram.data
    if (this.#bytes + length > maxBytes || this.#waiting.length >= MAX_WAITING_DATAGRAMS) {
      this.#lost++
      return false
    }
    this.#waiting.push({ ...datagram, lostBefore: this.#lost })
    this.#lost = 0
    this.#bytes += length
    return true
  }

  /** Keeps `datagram` in the place of the oldest, as many as it takes; false when it alone is more than `maxBytes`. */
  pushOut(datagram: Datagram, maxBytes: number): boolean {
    const { length } = datagram.data
    if (length > maxBytes) return this.push(datagram, maxBytes)
    while (this.#bytes + length > maxBytes || this.#waiting.length >= MAX_WAITING_DATAGRAMS) this.#dropOldest()
    return this.push(datagram, maxBytes)
  }

  /** The next thing to tell, in order: a datagram, or how many were lost; undefined when there is nothing. */
  shift(): Datagram | number | undefined {
    const [next] = this.#waiting
    const lost = next === undefined ? this.#lost : next.lostBefore
    if (lost > 0) {
      if (next === undefined) this.#lost = 0
      else this.#waiting[0] = { ...next, lostBefore: 0 }
      return lost
    }
    if (next === undefined) return undefined
    this.#waiting.shift()
    this.#bytes -= next.data.length
    return next
  }

  /** Drops what waits, which nobody wants any more. */
  clear(): void {
    this.#waiting.length = 0
    this.#bytes = 0
    this.#lost = 0
  }

  #dropOldest(): void {
    const [oldest, next] = this.#waiting
    if (oldest === undefined) return
    this.#waiting.shift()
    this.#bytes -= oldest.data.length
    const lost = oldest.lostBefore + 1
    if (next === undefined) this.#lost += lost
    else this.#waiting[0] = { ...next, lostBefore: next.lostBefore + lost }
  }
}
