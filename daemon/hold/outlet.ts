/**
 * Remote to one client, for one direction of one transport: a position in what came, moved on as the client's window
 * and its connection allow. What happens after the bytes is told when the position has reached it, never before.
 */
import { StringDecoder } from "node:string_decoder"
import { CHUNK_BYTES } from "../../protocol/limits.ts"
import { SendWindow } from "../../protocol/window.ts"
import type { Channel } from "./channel.ts"
import type { Sender } from "./outbox.ts"
import type { Recipient } from "./recipient.ts"

/** What a client gets of a chunk: bytes, or text with the offset of its end. */
export type Delivery = { readonly data: Uint8Array } | { readonly text: string; readonly offset: number }

/** What a client hears of a channel, each in its order. */
export interface Voice {
  deliver(delivery: Delivery): void
  bytesLost(from: number, to: number): void
  eof(): void
  lost(error: Error | null): void
}

/** What comes after all bytes. */
export type Tail = { readonly kind: "eof" } | { readonly kind: "lost"; readonly error: Error | null }

/** Who reads: a client, or what takes its place. */
export type Reader = Pick<Recipient, "flowControl" | "outbox">

export interface OutletOptions {
  readonly recipient: Reader
  readonly encoding: "base64" | "utf8"
  readonly readWindowBytes: number
  readonly paused: boolean
  readonly voice: Voice
  /** Where delivery starts. */
  readonly offset: number
}

export class Outlet implements Sender {
  /** What it is a position in; is told when it has moved on, or stands still for another reason than before. */
  readonly channel: Channel
  readonly #recipient: Reader
  readonly #voice: Voice
  readonly #window: SendWindow
  #decoder: StringDecoder | null
  #paused: boolean
  #started = false
  /** Whether somebody else reads in its place. */
  #yields = false
  #tailSaid = 0

  constructor(channel: Channel, { recipient, encoding, readWindowBytes, paused, voice, offset }: OutletOptions) {
    this.channel = channel
    this.#recipient = recipient
    this.#voice = voice
    this.#paused = paused
    this.#decoder = encoding === "utf8" ? new StringDecoder("utf8") : null
    this.#window = new SendWindow(recipient.flowControl ? readWindowBytes : Number.POSITIVE_INFINITY, offset)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Where delivery stands. */
  get sent(): number {
    return this.#window.sent
  }

  /** Up to where the client has consumed; one that does not report has consumed what it was sent. */
  get consumed(): number {
    return this.#recipient.flowControl ? this.#window.acknowledged : this.#window.sent
  }

  /** Whether the client has all that came, and could take more. */
  get isHungry(): boolean {
    return this.#started && !this.#paused && this.#window.available > 0 && this.#window.sent === this.channel.log.to
  }

  /** Whether the client has heard the end. */
  get isDone(): boolean {
    return this.channel.tail[this.#tailSaid - 1]?.kind === "lost"
  }

  /** From now on the client can be told things. */
  start(): void {
    this.#started = true
    this.proceed()
  }

  /**
   * Delivers the beginning of `chunk`, the very next that came, without a stop in the log: as much as can be sent now.
   * @returns how much that was.
   */
  take(chunk: Buffer): number {
    const { log } = this.channel
    let taken = 0
    while (taken < chunk.length && this.isHungry && this.#recipient.outbox.open) {
      const bytes = Math.min(chunk.length - taken, CHUNK_BYTES, this.#window.available)
      log.pass(bytes)
      this.#deliver(bytes === chunk.length ? chunk : chunk.subarray(taken, taken + bytes))
      taken += bytes
    }
    return taken
  }

  /** Does what can be done now: sends, or else tells what comes after the bytes. */
  proceed(): void {
    if (!this.#started || this.#paused || this.#yields) return
    if (this.#window.sent < this.channel.log.to) {
      if (this.#window.available > 0) this.#recipient.outbox.enqueue(this)
    } else this.#sayTail()
    this.channel.moved(this)
  }

  /** The client has consumed all up to `offset`. */
  acknowledge(offset: number): void {
    this.#window.acknowledge(offset)
    this.proceed()
  }

  pause(): void {
    this.#paused = true
    this.channel.moved(this)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.proceed()
  }

  /** Goes to the end: nobody wants what was not delivered. */
  discard(): void {
    this.#paused = false
    this.#window.skip(this.channel.log.to - this.#window.sent)
    this.#decoder = null
    this.proceed()
  }

  /** Goes to the end, and tells what was not delivered: nobody keeps it any more, and it is over. */
  giveUp(): void {
    // What somebody else reads in its place is not lost.
    if (this.#yields) this.takeOver(this.channel.log.to)
    if (this.#started) this.#skipTo(this.channel.log.to)
    this.#paused = false
    this.proceed()
  }

  /** Somebody else reads in its place, from where it stands. */
  yield(): void {
    this.#skipTo(this.channel.log.from)
    this.#yields = true
    this.#recipient.outbox.leave(this)
  }

  /** Goes on at `offset`, to where somebody else has read. */
  takeOver(offset: number): void {
    this.#window.skip(Math.max(0, offset - this.#window.sent))
    this.#yields = false
    this.proceed()
  }

  /** The client is gone, or does not want to hear more. */
  stop(): void {
    this.#started = false
    this.#recipient.outbox.leave(this)
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
    if (readWindowBytes === undefined || !this.#recipient.flowControl) return
    this.#window.windowBytes = readWindowBytes
    this.proceed()
  }

  sendChunk(): boolean {
    const { log } = this.channel
    const room = Math.min(this.#window.available, CHUNK_BYTES)
    if (!this.#started || this.#paused || this.#yields || room === 0) return false
    this.#skipTo(log.from)
    const chunk = log.read(this.#window.sent, room)
    if (chunk !== null) this.#deliver(chunk)
    if (this.#window.sent < log.to) return this.#window.available > 0
    this.proceed()
    return false
  }

  /**
   * Never silence: what was dropped before this client could have it is reported with its range.
   * Only to a client that could take more: one that stands still hears of it once, when it moves again.
   */
  #skipTo(offset: number): void {
    const at = this.#window.sent
    if (at >= offset) return
    // What a gap tears apart is no character.
    this.#flushDecoder()
    this.#window.skip(offset - at)
    this.#voice.bytesLost(at, offset)
  }

  #sayTail(): void {
    const voice = this.#voice
    let next: Tail | undefined
    while ((next = this.channel.tail[this.#tailSaid]) !== undefined) {
      // Counted first: what is said may lead back here.
      this.#tailSaid++
      this.#flushDecoder()
      if (next.kind === "eof") voice.eof()
      else voice.lost(next.error)
    }
  }

  #deliver(chunk: Buffer): void {
    this.#window.send(chunk.length)
    if (this.#decoder === null) this.#voice.deliver({ data: chunk })
    else this.#deliverText(this.#decoder.write(chunk))
  }

  #flushDecoder(): void {
    if (this.#decoder !== null) this.#deliverText(this.#decoder.end())
  }

  #deliverText(text: string): void {
    if (text !== "") this.#voice.deliver({ text, offset: this.#window.sent })
  }
}
