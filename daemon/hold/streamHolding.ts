/** A byte stream that a client holds: its callbacks are those of asyncio's `Protocol`. */
import type { StreamEvents, StreamTransport, Extra } from "../transports/transport.ts"
import { WRITE_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { RequestResult } from "../../protocol/registry.ts"
import { isSystemError, lossOf } from "../failures.ts"
import { Channel, type TransportOptions } from "./channel.ts"
import type { Description, Ending, Holding, Kind, State } from "./holding.ts"
import type { Recipient } from "./recipient.ts"

type Opened = RequestResult<"loop/createConnection">

export interface StreamHoldingOptions {
  readonly id: number
  readonly kind: Kind
  readonly extra: Extra
  readonly owner: Recipient
  readonly options: TransportOptions
  /** The server that accepted it. */
  readonly server?: number
  makeStream(events: StreamEvents): StreamTransport
  /** Called once, after `connectionLost` was said. */
  ended(ending: Ending): void
}

export class StreamHolding implements Holding {
  readonly id: number
  readonly kind: Kind
  readonly name: string | undefined
  readonly extra: Extra
  readonly owner: Recipient
  readonly channels: readonly [Channel]
  readonly #server: number | undefined
  readonly #ended: (ending: Ending) => void
  #onEof: "close" | "keep"
  #state: State = "opening"

  constructor({ id, kind, extra, owner, options, server, makeStream, ended }: StreamHoldingOptions) {
    this.id = id
    this.kind = kind
    this.name = server === undefined ? options.name : undefined
    this.extra = extra
    this.owner = owner
    this.#server = server
    this.#ended = ended
    this.#onEof = options.onEof
    const transport = id
    const voice = {
      deliver: (delivery: object) => owner.notify("protocol/dataReceived", { transport, ...delivery }),
      eof: () => this.#eof(),
      lost: (error: Error | null) => this.#lost(error),
      pauseWriting: () => owner.notify("protocol/pauseWriting", { transport }),
      resumeWriting: () => owner.notify("protocol/resumeWriting", { transport }),
    }
    this.channels = [new Channel({ id, recipient: owner, options, voice, makeStream })]
  }

  get state(): State {
    return this.#state === "open" && this.#stream.isClosing ? "closing" : this.#state
  }

  /** What the answer to the request that made it says. */
  get opened(): Opened {
    return { transport: this.id, kind: this.kind, extra: { ...this.extra }, writeWindowBytes: WRITE_WINDOW_BYTES }
  }

  set onEof(onEof: "close" | "keep") {
    this.#onEof = onEof
  }

  get #stream(): StreamTransport {
    return this.channels[0].stream
  }

  start(): void {
    this.#state = "open"
    const server = this.#server === undefined ? {} : { server: this.#server }
    this.owner.notify("protocol/connectionMade", { ...this.opened, ...server })
    this.channels[0].start()
  }

  close(): void {
    this.channels[0].close()
  }

  abort(): void {
    this.channels[0].abort()
  }

  abandon(): void {
    if (this.#state === "opening") this.start()
    this.close()
  }

  describe(): Description {
    return {
      transport: this.id,
      kind: this.kind,
      ...(this.name !== undefined && { name: this.name }),
      ...(this.#server !== undefined && { server: this.#server }),
      clientId: this.owner.id,
      lifetime: "client",
      state: this.state,
      extra: { ...this.extra },
      channels: [this.channels[0].counts],
    }
  }

  #eof(): void {
    this.owner.notify("protocol/eofReceived", { transport: this.id })
    if (this.#onEof === "close") this.close()
  }

  #lost(error: Error | null): void {
    this.#state = "ended"
    this.owner.notify("protocol/connectionLost", { transport: this.id, error: lossOf(error, this.id) })
    const errno = isSystemError(error) ? error.code : undefined
    this.#ended({ kind: this.kind, broken: error !== null, errno })
  }
}
