/** asyncio's water marks: pause strictly over high, resume at or under low. Pure; both ends use it. */
import { rpcError } from "./errors.ts"
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from "./limits.ts"

export class WaterMarks {
  #highBytes = HIGH_WATER_BYTES
  #lowBytes = LOW_WATER_BYTES

  /** Takes what {@link set} takes. */
  constructor(highBytes?: number, lowBytes?: number) {
    this.set(highBytes, lowBytes)
  }

  get highBytes(): number {
    return this.#highBytes
  }

  get lowBytes(): number {
    return this.#lowBytes
  }

  /**
   * High alone makes low a quarter of it; low alone makes high four times as much; neither, the defaults.
   * Throws InvalidParams, and changes nothing, unless high >= low >= 0.
   * Source: asyncio `WriteTransport.set_write_buffer_limits`.
   */
  set(highBytes?: number, lowBytes?: number): void {
    const high = highBytes ?? (lowBytes === undefined ? HIGH_WATER_BYTES : 4 * lowBytes)
    const low = lowBytes ?? (highBytes === undefined ? LOW_WATER_BYTES : Math.floor(high / 4))
    if (!(high >= low && low >= 0)) {
      throw rpcError("InvalidParams", `high (${high}) must be >= low (${low}) must be >= 0`)
    }
    this.#highBytes = high
    this.#lowBytes = low
  }

  isOver(bytes: number): boolean {
    return bytes > this.#highBytes
  }

  isDrained(bytes: number): boolean {
    return bytes <= this.#lowBytes
  }
}
