/** asyncio's water marks: pause strictly over high, resume at or under low. Pure; both ends use it. */
import { rpcError } from "./errors.ts"
import { HIGH_WATER_BYTES, LOW_WATER_BYTES, TLS_HIGH_WATER_BYTES, TLS_LOW_WATER_BYTES } from "./limits.ts"

/** The marks of a transport for which none were asked. */
interface DefaultMarks {
  readonly highBytes: number
  readonly lowBytes: number
}

const PLAIN: DefaultMarks = { highBytes: HIGH_WATER_BYTES, lowBytes: LOW_WATER_BYTES }
const TLS: DefaultMarks = { highBytes: TLS_HIGH_WATER_BYTES, lowBytes: TLS_LOW_WATER_BYTES }

function defaultsOf(kind: string): DefaultMarks {
  return kind === "tls" ? TLS : PLAIN
}

export class WaterMarks {
  #defaults: DefaultMarks
  #highBytes = 0
  #lowBytes = 0

  /** Takes what {@link set} takes, and what neither of them means. */
  constructor(highBytes?: number, lowBytes?: number, defaults = PLAIN) {
    this.#defaults = defaults
    this.set(highBytes, lowBytes)
  }

  /** The marks that were asked for a transport of `kind`, or its defaults. */
  static of(kind: string, limits: { highBytes?: number | undefined; lowBytes?: number | undefined } = {}): WaterMarks {
    return new WaterMarks(limits.highBytes, limits.lowBytes, defaultsOf(kind))
  }

  /** The defaults of `kind` hold from now on. */
  become(kind: string): void {
    this.#defaults = defaultsOf(kind)
    this.set()
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
    const high = highBytes ?? (lowBytes === undefined ? this.#defaults.highBytes : 4 * lowBytes)
    const low = lowBytes ?? (highBytes === undefined ? this.#defaults.lowBytes : Math.floor(high / 4))
    if (!(high >= low && low >= 0)) {
      const message = `high (${high}) must be >= low (${low}) must be >= 0`
      throw rpcError("InvalidParams", message, { issues: [{ path: "highBytes", message }] })
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
