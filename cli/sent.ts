/**
 * What a relay sends over tunnels: how much of it the daemon has, and what may have to be sent again.
 * Knows neither when a tunnel ends nor what follows it.
 */
import type { Inquiry } from "./inquiry.ts"
import { Unsure } from "./unsure.ts"

/** Most bytes that are kept to be sent again. */
const UNSURE_BYTES = 4 * 1024 * 1024

export class Sent {
  readonly #inquiry: Inquiry
  readonly #unsure: Unsure
  readonly #goOn: () => void
  /** What others had brought to the transport before; null before the first tunnel. */
  #othersBytes: number | null = null
  #isLooking = false

  /**
   * @param mayBreak whether the connection may break and the transport go on: keeping what was sent costs a tenth of the
   * speed, and is of no use otherwise.
   * @param goOn called when `isFull` may have become false.
   */
  constructor(inquiry: Inquiry, mayBreak: boolean, goOn: () => void) {
    this.#inquiry = inquiry
    this.#unsure = new Unsure(mayBreak)
    this.#goOn = goOn
  }

  /** Whether so much is unsure that no more should be sent. */
  get isFull(): boolean {
    return this.#unsure.bytes > UNSURE_BYTES
  }

  get #isHalfFull(): boolean {
    return this.#unsure.bytes > UNSURE_BYTES / 2
  }

  /** @param chunk stays as it is. */
  push(chunk: Buffer): void {
    this.#unsure.push(chunk)
    if (this.#isHalfFull && !this.#isLooking) void this.#makeSure()
  }

  /** Sends to `sink` what the daemon has not. @param brought the bytes that tunnels have brought, whoever's. */
  again(brought: number, sink: { write(chunk: Buffer): unknown }): void {
    this.#othersBytes ??= brought
    this.#unsure.forget(this.#ours(brought))
    for (const chunk of this.#unsure.chunks) sink.write(chunk)
  }

  /** From now on somebody else sees to it that what is sent arrives. */
  forget(): void {
    this.#unsure.forget(this.#unsure.to)
  }

  /** Until the daemon has all. */
  async untilBrought(): Promise<void> {
    await this.#inquiry.look(({ brought }) => this.#ours(brought) >= this.#unsure.to)
  }

  /** Until the daemon's system has all, or `isOver`. */
  async untilMoved(isOver: () => boolean): Promise<void> {
    await this.#inquiry.look(({ moved }) => isOver() || this.#ours(moved) >= this.#unsure.to)
  }

  /** Looks what the daemon has, until little is unsure. */
  async #makeSure(): Promise<void> {
    this.#isLooking = true
    await this.#inquiry.look(({ brought }) => {
      this.#unsure.forget(this.#ours(brought))
      return !this.#isHalfFull
    })
    this.#isLooking = false
    this.#goOn()
  }

  /** What came from here of the bytes that tunnels have brought, or moved. */
  #ours(bytes: number): number {
    return bytes - (this.#othersBytes ?? 0)
  }
}
