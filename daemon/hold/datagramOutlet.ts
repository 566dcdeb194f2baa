/**
 * Datagrams to one client: as its window and its connection allow. UDP has no brake, so what does not fit is dropped
 * and counted; the count is told where the datagrams are missing.
 */
import { MAX_WAITING_BYTES } from "../../protocol/limits.ts"
import { SendWindow } from "../../protocol/window.ts"
import type { ReadingOptions } from "./attachment.ts"
import type { Datagram, DatagramQueue } from "./datagramQueue.ts"
import type { Sender } from "./outbox.ts"
import type { Recipient } from "./recipient.ts"
import type { InetAddress } from "../transports/tcp.ts"

export interface DatagramVoice {
  datagram(data: Uint8Array, addr: InetAddress): void
  /** The same as text. */
  text(text: string, offset: number, addr: InetAddress): void
  lost(count: number): void
}

export interface DatagramOutletOptions extends ReadingOptions {
  readonly recipient: Recipient
  readonly queue: DatagramQueue
  readonly voice: DatagramVoice
}

export class DatagramOutlet implements Sender {
  readonly #options: DatagramOutletOptions
  readonly #window: SendWindow
  #asText: boolean
  #paused: boolean
  #started = false
  #reporting = false

  constructor(options: DatagramOutletOptions) {
    this.#options = options
    this.#paused = options.paused
    this.#asText = options.encoding === "utf8"
    this.#window = new SendWindow(options.readWindowBytes)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Bytes sent to the client; of these, consumed by it. */
  get sent(): number {
    return this.#window.sent
  }

  get consumed(): number {
    return this.#options.recipient.flowControl ? this.#window.acknowledged : this.#window.sent
  }

  /** From now on the client can be told things. */
  start(): void {
    this.#started = true
    this.#proceed()
  }

  /** Takes the next datagram and sends or keeps it; false when it had to be dropped. */
  take(datagram: Datagram): boolean {
    if (this.#isFree(datagram.data.length)) {
      this.#deliver(datagram)
      return true
    }
    const kept = this.#options.queue.push(datagram, this.#roomBytes)
    if (kept) this.#proceed()
    else this.#reportLater()
    return kept
  }

  /** The client has consumed all up to `offset`. */
  acknowledge(offset: number): void {
    this.#window.acknowledge(offset)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#proceed()
  }

  configure({
    encoding,
    readWindowBytes,
  }: {
    encoding?: "base64" | "utf8" | undefined
    readWindowBytes?: number | undefined
  }): void {
    if (encoding !== undefined) this.#asText = encoding === "utf8"
    if (readWindowBytes !== undefined) this.#window.windowBytes = readWindowBytes
  }

  /** The client is gone, or wants to hear no more. */
  stop(): void {
    this.#started = false
    this.#options.recipient.outbox.leave(this)
  }

  sendChunk(): boolean {
    const { queue, voice } = this.#options
    if (!this.#started || this.#paused) return false
    const next = queue.shift()
    if (next === undefined) return false
    if (typeof next === "number") voice.lost(next)
    else this.#deliver(next)
    return !queue.isEmpty
  }

  /** What may wait here. A client without flow control has a window only while it holds everything back. */
  get #roomBytes(): number {
    const braked = this.#options.recipient.flowControl || this.#paused || !this.#started
    if (!braked) return MAX_WAITING_BYTES
    const outstanding = this.#options.recipient.flowControl ? this.#window.outstanding : 0
    return this.#window.windowBytes - outstanding
  }

  /** Whether a datagram of so many bytes can leave at once: by way of queue and row each costs 2 µs more. */
  #isFree(bytes: number): boolean {
    const { queue, recipient } = this.#options
    return this.#started && !this.#paused && queue.isEmpty && bytes <= this.#roomBytes && recipient.outbox.open
  }

  #deliver({ data, addr }: Datagram): void {
    const { voice } = this.#options
    this.#window.send(data.length)
    if (this.#asText) voice.text(data.toString("utf8"), this.#window.sent, addr)
    else voice.datagram(data, addr)
  }

  /** A flood costs the client one message a turn, not one for each datagram that it did not get. */
  #reportLater(): void {
    if (this.#reporting) return
    this.#reporting = true
    setImmediate(() => {
      this.#reporting = false
      this.#proceed()
    })
  }

  #proceed(): void {
    const { queue, recipient } = this.#options
    if (this.#started && !this.#paused && !queue.isEmpty) recipient.outbox.enqueue(this)
  }
}
