/**
 * The way of bulk data to one client: outlets take turns, one chunk each, and only while little waits for the
 * connection. So answers and small transports never stand behind more than that, and a client that stops reading
 * stalls its own sources alone.
 */
import { OUTBOX_HIGH_BYTES } from "../../protocol/limits.ts"
import { Row } from "./row.ts"

/** Somebody with data to send. */
export interface Sender {
  /** Sends one chunk; true while another could follow at once. */
  sendChunk(): boolean
}

export class Outbox {
  readonly #pendingBytes: () => number
  /** In the order of their turns. */
  readonly #ready = new Row<Sender>()
  #pumping = false

  /** @param pendingBytes what waits for the connection right now. */
  constructor(pendingBytes: () => number) {
    this.#pendingBytes = pendingBytes
  }

  /** Whether a chunk may be sent at once: nobody waits for a turn, and little waits for the connection. */
  get open(): boolean {
    return this.#ready.length === 0 && this.#hasRoom()
  }

  /** Puts `sender` in the row, if it is not there, and serves the row as far as there is room. */
  enqueue(sender: Sender): void {
    this.#ready.push(sender)
    this.pump()
  }

  leave(sender: Sender): void {
    this.#ready.delete(sender)
  }

  /** Serves the row: to be called when the connection has drained. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#hasRoom()) {
      const sender = this.#ready.shift()
      if (sender === undefined) break
      // Behind all others, and this loop comes to it there.
      if (sender.sendChunk()) this.#ready.push(sender)
    }
    this.#pumping = false
  }

  #hasRoom(): boolean {
    return this.#pendingBytes() < OUTBOX_HIGH_BYTES
  }
}
