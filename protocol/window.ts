/**
 * Credit by absolute offset: who may still send how much, and when a report is due. Pure arithmetic, used by both ends.
 * Offsets count the bytes of one direction of one transport from 0, so a report that is late or repeated does no harm.
 */

/** The sending side of one direction: at most `windowBytes` may be out and not acknowledged. */
export class SendWindow {
  windowBytes: number
  #sent: number
  #acknowledged: number

  /** @param sent where counting starts. @param acknowledged how much of that is, where others sent before. */
  constructor(windowBytes: number, sent = 0, acknowledged = sent) {
    this.windowBytes = windowBytes
    this.#sent = sent
    this.#acknowledged = acknowledged
  }

  /** Bytes sent so far. */
  get sent(): number {
    return this.#sent
  }

  /** Bytes that the other end has acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Bytes out and not acknowledged. */
  get outstanding(): number {
    return this.#sent - this.#acknowledged
  }

  /** Bytes that may be sent now; 0 when the window is used up, also after it shrank. */
  get available(): number {
    return Math.max(0, this.windowBytes - this.outstanding)
  }

  /** Counts `bytes` as sent. */
  send(bytes: number): void {
    this.#sent += bytes
  }

  /** Moves on by `bytes` that are not sent: what is out stays out. */
  skip(bytes: number): void {
    this.#sent += bytes
    this.#acknowledged += bytes
  }

  /** Takes a report. Offsets that are not new, or that were never sent, count as far as they make sense. */
  acknowledge(offset: number): void {
    this.#acknowledged = Math.min(Math.max(this.#acknowledged, offset), this.#sent)
  }
}

/** The receiving side of one direction: counts what was consumed and says when to report it. */
export class Consumption {
  readonly #reportBytes: number
  #offset: number
  #reported: number

  /**
   * @param reportBytes when a report is due: at half of the other end's window at the latest. Earlier costs messages,
   * later lets the sender run dry.
   * @param offset where counting starts.
   */
  constructor(reportBytes: number, offset = 0) {
    this.#reportBytes = Math.max(1, reportBytes)
    this.#offset = offset
    this.#reported = offset
  }

  /** Bytes consumed so far. */
  get offset(): number {
    return this.#offset
  }

  /** Counts `bytes` as consumed; the offset to report now, or null while no report is due. */
  consume(bytes: number): number | null {
    this.#offset += bytes
    if (this.#offset - this.#reported < this.#reportBytes) return null
    this.#reported = this.#offset
    return this.#offset
  }
}
