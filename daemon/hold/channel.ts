/**
 * One byte stream of a holding with its id: what came, who reads it and how far, and the way back.
 * A TCP connection is one channel; a process has one for each of its pipes.
 *
 * Who decides whether the source is read: the owner while there is one (its window is the brake), else the room that
 * is left for whoever comes back. Observers never do: one that falls behind what is kept is told what it lost.
 */
import { RpcError } from "../../protocol/errors.ts"
import { READ_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { RequestResult } from "../../protocol/registry.ts"
import type { WaterMarks } from "../../protocol/waterMarks.ts"
import { brokenTransport, closedTransport, isSystemError, isWriteFailure } from "../failures.ts"
import type { StreamEvents, StreamTransport } from "../transports/transport.ts"
import { minus, NONE, plus, type Few } from "./few.ts"
import { Inlet, type Drain } from "./inlet.ts"
import { keepingIsFull, type Keeping } from "./keeping.ts"
import { Outlet, type OutletOptions, type Reader, type Tail, type Voice } from "./outlet.ts"
import { Retention } from "./retention.ts"

const EOF: Tail = { kind: "eof" }

export type ChannelCounts = RequestResult<"transport/describe">["channels"][number]

/** Who has a channel, and is told what happens to it whether or not any client is. */
export interface ChannelHolder {
  /** Bytes came. */
  channelActive?(): void
  /** The remote has ended its side. */
  channelEnded(channel: Channel): void
  /** The stream is over. */
  channelLost(channel: Channel, error: Error | null): void
  /** What read or wrote in the client's place is done. */
  channelFreed?(): void
}

export interface ChannelOptions {
  readonly id: number
  readonly fd?: number
  readonly holder: ChannelHolder
  readonly keeping: Keeping
  readonly marks: WaterMarks
  makeStream(events: StreamEvents): StreamTransport
}

export type OutletWish = Omit<OutletOptions, "offset"> & {
  readonly owner: boolean
  readonly offset?: number
}

export class Channel implements StreamEvents, Drain {
  readonly id: number
  readonly fd: number | null
  readonly inlet: Inlet | null
  readonly readable: boolean
  /** What came. */
  readonly log = new Retention()
  readonly #holder: ChannelHolder
  readonly #keeping: Keeping
  #tail: Few<Tail> = NONE
  #outlets: Few<Outlet> = NONE
  #stream: StreamTransport
  #owner: Outlet | null = null
  /** What reads in the owner's place. */
  #diversion: Outlet | null = null
  /** Up to where the last owner had consumed: who comes next goes on here. */
  #consumed = 0
  /** Up to where it surely had: what is kept begins here at the latest. */
  #surelyConsumed = 0
  #started = false
  #isLost = false
  /** Why we ended it, where that is to be told. */
  #reason: RpcError | null = null

  constructor({ id, fd, holder, keeping, marks, makeStream }: ChannelOptions) {
    this.id = id
    this.fd = fd ?? null
    this.#holder = holder
    this.#keeping = keeping
    this.#stream = makeStream(this)
    this.readable = this.#stream.readable
    this.inlet = this.#stream.writable ? new Inlet(this, marks) : null
  }

  /** What comes after all that came. */
  get tail(): Few<Tail> {
    return this.#tail
  }

  /** Where bytes go now. */
  get stream(): StreamTransport {
    return this.#stream
  }

  /** Whether the stream is over. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Whether the source is being read: nobody holds it back. */
  get isFlowing(): boolean {
    return this.#started && this.#mayRead()
  }

  /** Whether something reads in the owner's place. */
  get isDiverted(): boolean {
    return this.#diversion !== null
  }

  /** Whether something reads or writes in the client's place. */
  get isLent(): boolean {
    return this.isDiverted || (this.inlet !== null && this.inlet.feeder !== null)
  }

  /** What is kept, by offset. */
  get retained(): { readonly from: number; readonly to: number } {
    return { from: this.log.from, to: this.log.to }
  }

  /** Where a client that does not say starts: where the last owner had consumed to. */
  get consumed(): number {
    return this.#brake?.consumed ?? this.#consumed
  }

  get counts(): ChannelCounts {
    return {
      id: this.id,
      ...(this.fd !== null && { fd: this.fd }),
      received: this.log.to,
      sent: this.#brake?.sent ?? this.#consumed,
      consumed: this.consumed,
      retained: this.retained,
      written: this.inlet?.written ?? 0,
      flushed: this.inlet?.flushedTo ?? 0,
      brought: this.inlet?.broughtBytes ?? 0,
      moved: this.inlet?.movedBytes ?? 0,
    }
  }

  /** From now on the remote is read. */
  start(): void {
    this.#started = true
    this.#regulate()
  }

  /** Makes a position for a client; its `start()` begins delivery. */
  addOutlet({ owner, ...wish }: OutletWish): Outlet {
    const outlet = this.#makeOutlet(wish)
    if (owner) this.#owner = outlet
    if (owner && this.isDiverted) outlet.yield()
    else this.#outlets = plus(this.#outlets, outlet)
    return outlet
  }

  removeOutlet(outlet: Outlet): void {
    outlet.stop()
    this.#outlets = minus(this.#outlets, outlet)
    if (outlet !== this.#owner) return
    this.#setConsumed(outlet.consumed)
    this.#owner = null
    this.#keepWithinBounds()
    this.#regulate()
  }

  /**
   * Makes a reader in the owner's place, whoever that is, from where the owner stands; its reading is the brake then.
   * Its `start()` begins; {@link restore} ends it.
   */
  divert(reader: Reader, voice: Voice): Outlet {
    const owner = this.#owner
    owner?.yield()
    const offset = owner?.sent ?? this.#consumed
    const wish = { encoding: "base64", readWindowBytes: READ_WINDOW_BYTES, paused: false } as const
    const diversion = this.#makeOutlet({ ...wish, recipient: reader, voice, offset })
    if (owner !== null) this.#outlets = minus(this.#outlets, owner)
    this.#outlets = plus(this.#outlets, diversion)
    this.#diversion = diversion
    return diversion
  }

  /**
   * The owner goes on where `diversion` has read to.
   * @param wasCut whether some of that may not have arrived, so that somebody may ask for it again.
   */
  restore(diversion: Outlet, { wasCut = false } = {}): void {
    diversion.stop()
    this.#outlets = minus(this.#outlets, diversion)
    this.#diversion = null
    this.#setConsumed(diversion.sent, wasCut ? this.log.from : diversion.sent)
    if (this.#owner !== null) {
      this.#outlets = plus(this.#outlets, this.#owner)
      this.#owner.takeOver(diversion.sent)
    }
    this.#keepWithinBounds()
    this.#regulate()
    this.freed()
  }

  /** Takes bytes from the client. Throws TransportClosed when they cannot go out any more, and what `Inlet.write` does. */
  write(data: Uint8Array, offset?: number): void {
    if (this.#stream.isClosing || this.#stream.wroteEof) {
      this.#writingFailed()
      throw closedTransport(this.id)
    }
    try {
      this.inlet?.write(data, offset)
    } catch (error) {
      if ((error as RpcError).name === "WindowExceeded") this.abort(error as RpcError)
      throw error
    }
  }

  /**
   * Puts another stream under the same id. The old one reports what it still flushes and nothing else, from now on.
   * What came and was not sent to anybody is taken back: it belongs to what comes after the exchange.
   */
  exchange<Stream extends StreamTransport>(
    makeStream: (events: StreamEvents) => Stream,
  ): { readonly upgrade: Stream; readonly unread: Buffer } {
    const upgrade = makeStream(this)
    this.#stream = upgrade
    const unread = this.log.takeBack(Math.max(this.consumed, ...this.#outlets.map(({ sent }) => sent)))
    this.#regulate()
    return { upgrade, unread }
  }

  close(): void {
    this.#stream.close()
    this.#discard()
  }

  /** @param reason what `connectionLost` tells; absent: null, as for an abort that the client asked for. */
  abort(reason?: RpcError): void {
    this.#reason ??= reason ?? null
    this.#stream.abort()
    this.#discard()
  }

  /** Ends the reading of a source that will give nothing more; what came stays. */
  letGo(reason: RpcError): void {
    this.#reason ??= reason
    this.#stream.abort()
  }

  data(chunk: Buffer): void {
    this.#holder.channelActive?.()
    const isPassing = this.#keeping.retainBytes === 0 && this.#outlets.length === 1
    const passedBytes = isPassing ? (this.#brake?.take(chunk) ?? 0) : 0
    if (passedBytes === chunk.length) return
    this.log.append(chunk.subarray(passedBytes))
    for (const outlet of this.#outlets) outlet.proceed()
    this.#keepWithinBounds()
    this.#regulate()
  }

  eof(): void {
    this.#tail = plus(this.#tail, EOF)
    this.#holder.channelEnded(this)
    for (const outlet of this.#outlets) outlet.proceed()
  }

  flushed(bytes: number): void {
    this.inlet?.flushed(bytes)
  }

  lost(error: Error | null): void {
    this.#isLost = true
    const cause = this.#reason ?? error
    const errno = isSystemError(error) ? error.code : undefined
    const unflushed = this.inlet?.handedBytes ?? 0
    this.inlet?.lost(error === null ? closedTransport(this.id) : brokenTransport(this.id, errno))
    this.#tail = plus(this.#tail, { kind: "lost", error: cause })
    // First: what is said of the loss must know why.
    this.#holder.channelLost(this, cause)
    if (isWriteFailure(error) || unflushed > 0) this.#writingFailed()
    for (const outlet of this.#outlets) outlet.proceed()
  }

  /** What read or wrote in the client's place is done. */
  freed(): void {
    this.#holder.channelFreed?.()
  }

  /** `outlet` has moved on, or stands still for another reason than before. */
  moved(outlet: Outlet): void {
    if (outlet !== this.#brake) return
    this.#keepWithinBounds()
    this.#regulate()
  }

  /** Who decides whether the source is read. */
  get #brake(): Outlet | null {
    return this.#diversion ?? this.#owner
  }

  #makeOutlet({ offset = this.log.to, ...wish }: Omit<OutletWish, "owner">): Outlet {
    // The spread comes last: first, it would give each its own hidden class (see `holdLine`).
    return new Outlet(this, { offset, ...wish })
  }

  /**
   * The connection broke, and its owner has something to write: it is told, paused or not, as in asyncio. What was
   * merely read waits until it reads again.
   */
  #writingFailed(): void {
    const last = this.#tail.at(-1)
    if (this.#owner?.paused !== true || last?.kind !== "lost" || last.error === null) return
    if (!(last.error instanceof RpcError)) Object.assign(last.error, { syscall: "write" })
    this.#owner.discard()
  }

  #discard(): void {
    this.#owner?.discard()
    this.#diversion?.discard()
  }

  /** Forgets what nobody needs, and does what was asked for when more is needed than may be kept. */
  #keepWithinBounds(): void {
    const { retainBytes, whenFull } = this.#keeping
    // An observer may fall behind by a window before it loses anything.
    const brake = this.#brake
    const lagBytes = this.#outlets.length > (brake === null ? 0 : 1) ? READ_WINDOW_BYTES : 0
    const spare = this.log.to - Math.max(retainBytes, lagBytes)
    const needed = brake === null ? this.#surelyConsumed : retainBytes === 0 ? brake.sent : brake.consumed
    this.log.trim(Math.min(needed, spare))
    if (brake !== null) return
    const unreadBytes = this.#bytesFrom(this.#consumed)
    if (unreadBytes < retainBytes) return
    if (whenFull === "dropOldest") this.log.trim(spare)
    else if (whenFull === "close" && !this.#stream.isClosing) this.abort(keepingIsFull(this.#keeping, unreadBytes))
  }

  #setConsumed(offset: number, surely = offset): void {
    this.#consumed = offset
    this.#surelyConsumed = surely
  }

  /** Bytes that are kept from `offset` on. */
  #bytesFrom(offset: number): number {
    return this.log.to - Math.max(offset, this.log.from)
  }

  #regulate(): void {
    if (!this.#started || !this.readable) return
    if (this.#mayRead()) this.#stream.resumeReading()
    else this.#stream.pauseReading()
  }

  #mayRead(): boolean {
    if (this.#brake !== null) return this.#brake.isHungry
    const { retainBytes, whenFull } = this.#keeping
    return whenFull !== "block" || this.#bytesFrom(this.#surelyConsumed) < retainBytes
  }
}
