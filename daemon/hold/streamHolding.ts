/** A byte stream that is held: its callbacks are those of asyncio's `Protocol`. */
import type { WireError } from "../../protocol/errors.ts"
import { LINGER_MS } from "../../protocol/limits.ts"
import { WaterMarks } from "../../protocol/waterMarks.ts"
import { isSystemError, lossOf } from "../failures.ts"
import type { Extra, StreamEvents, StreamTransport } from "../transports/transport.ts"
import type { Attachment } from "./attachment.ts"
import { Channel } from "./channel.ts"
import { Holding, type Ending, type HoldingOptions, type Kind } from "./holding.ts"
import { keepingOf } from "./keeping.ts"
import type { Voice } from "./outlet.ts"

export interface StreamHoldingOptions extends HoldingOptions {
  makeStream(events: StreamEvents): StreamTransport
}

export class StreamHolding extends Holding {
  readonly channels: readonly [Channel]
  #onEof: "close" | "keep"
  #remoteEnded = false
  /** Whether it would have been closed, had nothing been reading or writing in the client's place. */
  #closeIsDue = false
  #loss: Error | null = null

  constructor(options: StreamHoldingOptions) {
    super(options)
    const { id, options: wishes, makeStream } = options
    this.#onEof = wishes.onEof
    this.channels = [
      new Channel({
        id,
        keeping: keepingOf(wishes, "block"),
        marks: WaterMarks.of(options.kind, wishes.writeBufferLimits),
        makeStream,
        eof: () => this.#eof(),
        lost: (error) => this.#lost(error),
        freed: () => this.#freed(),
      }),
    ]
    this.attachFirst(options.owner)
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

  protected override voice({ recipient, isOwner }: Attachment): Voice {
    const { id: transport } = this
    return {
      deliver: (delivery) => {
        // Literals: a spread would give each its own hidden class, and V8 a reason to collect.
        if ("data" in delivery) recipient.notify("protocol/dataReceived", { transport, data: delivery.data })
        else recipient.notify("protocol/dataReceived", { transport, text: delivery.text, offset: delivery.offset })
      },
      bytesLost: (from, to) => recipient.notify("protocol/bytesLost", { transport, from, to }),
      eof: () => {
        recipient.notify("protocol/eofReceived", { transport })
        if (isOwner) this.#closeAfterEof()
      },
      lost: () => this.proceed(),
    }
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

  /** An owner hears of it behind all data, and decides then; without one it is decided now. */
  #eof(): void {
    this.#remoteEnded = true
    if (this.owner === null) this.#closeAfterEof()
  }

  /** What reads or writes in the client's place has done so: what was due meanwhile is done. */
  #freed(): void {
    const { stream, isLent } = this.channels[0]
    if (isLent || !this.#remoteEnded) return
    // Both sides have ended, one of them without a word to the client, who would wait for one.
    if (stream.wroteEof) stream.close()
    else if (this.#closeIsDue || this.owner === null) this.#closeAfterEof()
  }

  #closeAfterEof(): void {
    const { stream, isLent } = this.channels[0]
    this.#closeIsDue = isLent
    if (isLent) return
    if (this.#onEof === "close") stream.close()
    // What cannot be half-open ends whatever the client wants, but not before it could answer what came before.
    else if (!stream.canWriteEof) this.held.clock.after(LINGER_MS, () => stream.close())
  }

  #lost(error: Error | null): void {
    this.#loss = error
    this.proceed()
  }
}
