/** A byte stream that is held: its callbacks are those of asyncio's `Protocol`. */
import type { WireError } from "../../protocol/errors.ts"
import { LINGER_MS } from "../../protocol/limits.ts"
import { WaterMarks } from "../../protocol/waterMarks.ts"
import { isSystemError, lossOf } from "../failures.ts"
import type { Extra, StreamEvents, StreamTransport } from "../transports/transport.ts"
import type { Attachment } from "./attachment.ts"
import { Channel, type ChannelHolder } from "./channel.ts"
import { Holding, type Ending, type HoldingOptions, type Kind } from "./holding.ts"
import { keepingOf } from "./keeping.ts"
import type { Delivery, Voice } from "./outlet.ts"

export interface StreamHoldingOptions extends HoldingOptions {
  makeStream(events: StreamEvents): StreamTransport
}

export class StreamHolding extends Holding implements ChannelHolder {
  readonly channels: readonly [Channel]
  #onEof: "close" | "keep"
  #remoteEnded = false
  /** Whether it would have been closed, had nothing been reading or writing in the client's place. */
  #closeIsDue = false
  #loss: Error | null = null

  constructor(options: StreamHoldingOptions) {
    super(options)
    const { id, kind, options: wishes, makeStream } = options
    this.#onEof = wishes.onEof
    const marks = WaterMarks.of(kind, wishes.writeBufferLimits)
    this.channels = [new Channel({ id, holder: this, keeping: keepingOf(wishes, "block"), marks, makeStream })]
    this.attachFirst(options)
  }

  get isClosing(): boolean {
    return this.channels[0].stream.isClosing
  }

  set onEof(onEof: "close" | "keep") {
    this.#onEof = onEof
  }

  /** It goes on as another kind, under the same id. */
  override become(kind: Kind, extra: Extra): void {
    super.become(kind, extra)
    this.channels[0].inlet?.marks.become(kind)
  }

  close(): void {
    this.channels[0].close()
  }

  abort(): void {
    this.channels[0].abort()
  }

  /** An owner hears of it behind all data, and decides then; without one it is decided now. */
  channelEnded(): void {
    this.#remoteEnded = true
    if (this.owner === null) this.#closeAfterEof()
  }

  channelLost(_channel: Channel, error: Error | null): void {
    this.#loss = error
    this.proceed()
  }

  /** What reads or writes in the client's place has done so: what was due meanwhile is done. */
  channelFreed(): void {
    const { stream, isLent } = this.channels[0]
    if (isLent || !this.#remoteEnded) return
    // Both sides have ended, one of them without a word to the client, who would wait for one.
    if (stream.wroteEof) stream.close()
    else if (this.#closeIsDue || this.owner === null) this.#closeAfterEof()
  }

  /** A client has heard of the end of file, behind all data. */
  eofHeard(attachment: Attachment): void {
    if (attachment.isOwner) this.#closeAfterEof()
  }

  /** A client has heard all that there is. */
  allHeard(): void {
    this.proceed()
  }

  protected override voice(attachment: Attachment): Voice {
    return new StreamVoice(this, attachment)
  }

  protected override isReadyForLoss(attachment: Attachment): boolean {
    return attachment.heardAll
  }

  protected override get isOver(): boolean {
    return this.channels[0].isLost
  }

  protected override get lossError(): WireError | null {
    return lossOf(this.#loss, this.id)
  }

  protected override get ending(): Ending {
    const errno = isSystemError(this.#loss) ? this.#loss.code : undefined
    return { kind: this.kind, broken: this.#loss !== null, errno }
  }

  protected override ownerLeft(): void {
    if (this.#remoteEnded) this.#closeAfterEof()
  }

  #closeAfterEof(): void {
    const { stream, isLent } = this.channels[0]
    this.#closeIsDue = isLent
    if (isLent) return
    if (this.#onEof === "close") stream.close()
    // What cannot be half-open ends whatever the client wants, but not before it could answer what came before.
    else if (!stream.canWriteEof) this.held.clock.after(LINGER_MS, () => stream.close())
  }
}

/** What a client hears of a stream. */
class StreamVoice implements Voice {
  readonly #holding: StreamHolding
  readonly #attachment: Attachment

  constructor(holding: StreamHolding, attachment: Attachment) {
    this.#holding = holding
    this.#attachment = attachment
  }

  deliver(delivery: Delivery): void {
    const { recipient } = this.#attachment
    const { id: transport } = this.#holding
    // Literals: a spread would give each its own hidden class, and V8 a reason to collect.
    if ("data" in delivery) recipient.notify("protocol/dataReceived", { transport, data: delivery.data })
    else recipient.notify("protocol/dataReceived", { transport, text: delivery.text, offset: delivery.offset })
  }

  bytesLost(from: number, to: number): void {
    this.#attachment.recipient.notify("protocol/bytesLost", { transport: this.#holding.id, from, to })
  }

  eof(): void {
    this.#attachment.recipient.notify("protocol/eofReceived", { transport: this.#holding.id })
    this.#holding.eofHeard(this.#attachment)
  }

  lost(): void {
    this.#holding.allHeard()
  }
}
