/**
 * Remote to client, for one direction of one transport: spends the client's window, and stops the source while bytes
 * wait. End and loss queue behind undelivered bytes; only `discard` drops those.
 */
import { StringDecoder } from "node:string_decoder"
import { CHUNK_BYTES } from "../../protocol/limits.ts"
import { SendWindow } from "../../protocol/window.ts"
import type { Sender } from "./outbox.ts"
import type { Recipient } from "./recipient.ts"

/** What a client gets of a chunk: bytes, or text with the offset of its end. */
export type Delivery = { readonly data: Uint8Array } | { readonly text: string; readonly offset: number }

export interface OutletOptions {
  readonly recipient: Recipient
  readonly encoding: "base64" | "utf8"
  readonly readWindowBytes: number
  readonly paused: boolean
  deliver(delivery: Delivery): void
  /** Whether the source is to be read. */
  setReading(reading: boolean): void
}

export class Outlet implements Sender {
  readonly #options: OutletOptions
  readonly #window: SendWindow
  #decoder: StringDecoder | null
  #queue: Buffer[] = []
  /** What happens after the last byte, in order. */
  #tail: Array<() => void> = []
  #paused: boolean
  #started = false
  #receivedBytes = 0

  constructor(options: OutletOptions) {
    this.#options = options
    this.#paused = options.paused
    this.#decoder = options.encoding === "utf8" ? new StringDecoder("utf8") : null
    this.#window = new SendWindow(options.recipient.flowControl ? options.readWindowBytes : Number.POSITIVE_INFINITY)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Whether bytes wait for the client. */
  get waiting(): boolean {
    return this.#queue.length > 0 || this.#paused
  }

  get counts(): { received: number; sent: number; consumed: number } {
    return { received: this.#receivedBytes, sent: this.#window.sent, consumed: this.#window.acknowledged }
  }

  /** From now on the client can be told things. */
  start(): void {
    this.#started = true
    this.#proceed()
  }

  /** Takes what the source read. */
  data(chunk: Buffer): void {
    this.#receivedBytes += chunk.length
    if (this.#queue.length === 0 && this.#mayDeliver(chunk.length) && this.#options.recipient.outbox.open) {
      this.#deliver(chunk)
      return
    }
    this.#queue.push(chunk)
    this.#options.setReading(false)
    this.#proceed()
  }

  /** Runs `action` once all bytes before it are delivered. */
  after(action: () => void): void {
    this.#tail.push(action)
    this.#proceed()
  }

  /** The client has consumed all up to `offset`. */
  consumed(offset: number): void {
    this.#window.acknowledge(offset)
    if (this.#queue.length > 0) this.#proceed()
  }

  pause(): void {
    this.#paused = true
    this.#options.setReading(false)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#proceed()
  }

  /** Drops what was not delivered: nobody wants it any more. What was to happen after it happens now. */
  discard(): void {
    this.#queue = []
    this.#paused = false
    this.#options.recipient.outbox.leave(this)
    this.#proceed()
  }

  configure({
    encoding,
    readWindowBytes,
  }: {
    encoding?: "base64" | "utf8" | undefined
    readWindowBytes?: number | undefined
  }): void {
    if (encoding !== undefined)
      this.#decoder = encoding === "utf8" ? (this.#decoder ?? new StringDecoder("utf8")) : null
    if (readWindowBytes === undefined || !this.#options.recipient.flowControl) return
    this.#window.windowBytes = readWindowBytes
    this.#proceed()
  }

  sendChunk(): boolean {
    const room = Math.min(this.#window.available, CHUNK_BYTES)
    const head = this.#queue[0]
    if (head === undefined || this.#paused || room === 0) return false
    if (head.length <= room) this.#queue.shift()
    else this.#queue[0] = head.subarray(room)
    this.#deliver(head.length <= room ? head : head.subarray(0, room))
    if (this.#queue.length > 0) return this.#window.available > 0
    this.#proceed()
    return false
  }

  #mayDeliver(bytes: number): boolean {
    return this.#started && !this.#paused && bytes <= CHUNK_BYTES && bytes <= this.#window.available
  }

  /** Does what can be done now: sends, or else tells what comes after the bytes, or else reads on. */
  #proceed(): void {
    if (!this.#started || this.#paused) return
    if (this.#queue.length > 0) {
      if (this.#window.available > 0) this.#options.recipient.outbox.enqueue(this)
      return
    }
    if (this.#tail.length > 0) this.#flushDecoder()
    for (let action = this.#tail.shift(); action !== undefined; action = this.#tail.shift()) action()
    this.#options.setReading(true)
  }

  #deliver(chunk: Buffer): void {
    this.#window.send(chunk.length)
    if (this.#decoder === null) this.#options.deliver({ data: chunk })
    else this.#deliverText(this.#decoder.write(chunk))
  }

  #flushDecoder(): void {
    if (this.#decoder !== null) this.#deliverText(this.#decoder.end())
  }

  #deliverText(text: string): void {
    if (text !== "") this.#options.deliver({ text, offset: this.#window.sent })
  }
}
