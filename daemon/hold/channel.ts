/**
 * One byte stream of a holding with its id: joins the stream to the outlet and the inlet of the client that owns it.
 * A TCP connection is one channel; a process has one for each of its pipes.
 */
import type { RpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { WaterMarks } from "../../protocol/waterMarks.ts"
import { brokenTransport, closedTransport, isSystemError } from "../failures.ts"
import type { StreamEvents, StreamTransport } from "../transports/transport.ts"
import { Inlet } from "./inlet.ts"
import { Outlet, type Delivery } from "./outlet.ts"
import type { Recipient } from "./recipient.ts"

export type TransportOptions = ParsedParams<"loop/createConnection">["options"]

/** What a channel says, each in its order: the callbacks of a connection, or of a pipe. */
export interface Voice {
  deliver(delivery: Delivery): void
  eof(): void
  lost(error: Error | null): void
  pauseWriting(): void
  resumeWriting(): void
}

export interface ChannelOptions {
  readonly id: number
  readonly fd?: number
  readonly recipient: Recipient
  readonly options: TransportOptions
  readonly voice: Voice
  makeStream(events: StreamEvents): StreamTransport
}

export class Channel implements StreamEvents {
  readonly id: number
  readonly fd: number | null
  readonly outlet: Outlet | null
  readonly inlet: Inlet | null
  readonly stream: StreamTransport
  readonly #voice: Voice
  /** Why we ended it, where that is to be told. */
  #reason: RpcError | null = null

  constructor({ id, fd, recipient, options, voice, makeStream }: ChannelOptions) {
    this.id = id
    this.fd = fd ?? null
    this.#voice = voice
    this.stream = makeStream(this)
    this.outlet = this.stream.readable ? this.#makeOutlet(recipient, options) : null
    this.inlet = this.stream.writable ? this.#makeInlet(recipient, options) : null
  }

  /** Whether data is being received, as far as the client decides it. */
  get isReading(): boolean {
    return this.outlet !== null && !this.outlet.paused && !this.stream.isClosing
  }

  get counts(): {
    id: number
    fd?: number
    received: number
    sent: number
    consumed: number
    written: number
    flushed: number
  } {
    return {
      id: this.id,
      ...(this.fd !== null && { fd: this.fd }),
      ...(this.outlet?.counts ?? { received: 0, sent: 0, consumed: 0 }),
      ...(this.inlet?.counts ?? { written: 0, flushed: 0 }),
    }
  }

  /** From now on callbacks are delivered, and the remote is read. */
  start(): void {
    this.outlet?.start()
  }

  /** Takes bytes from the client. Throws TransportClosed when they cannot go out any more, and what `Inlet.write` does. */
  write(data: Uint8Array, offset?: number): void {
    if (this.stream.isClosing || this.stream.wroteEof) throw closedTransport(this.id)
    try {
      this.inlet?.write(data, offset)
    } catch (error) {
      if ((error as RpcError).name === "WindowExceeded") this.abort(error as RpcError)
      throw error
    }
  }

  close(): void {
    this.stream.close()
    this.outlet?.discard()
  }

  /** @param reason what `connectionLost` tells; absent: null, as for an abort that the client asked for. */
  abort(reason?: RpcError): void {
    this.#reason ??= reason ?? null
    this.stream.abort()
    this.outlet?.discard()
  }

  data(chunk: Buffer): void {
    this.outlet?.data(chunk)
  }

  eof(): void {
    this.outlet?.after(() => this.#voice.eof())
  }

  flushed(bytes: number): void {
    this.inlet?.flushed(bytes)
  }

  lost(error: Error | null): void {
    const cause = this.#reason ?? error
    this.inlet?.lost(
      error === null
        ? closedTransport(this.id)
        : brokenTransport(this.id, isSystemError(error) ? error.code : undefined),
    )
    if (this.outlet === null) this.#voice.lost(cause)
    else this.outlet.after(() => this.#voice.lost(cause))
  }

  #makeOutlet(recipient: Recipient, options: TransportOptions): Outlet {
    return new Outlet({
      recipient,
      encoding: options.encoding,
      readWindowBytes: options.readWindowBytes,
      paused: options.paused,
      deliver: (delivery) => this.#voice.deliver(delivery),
      setReading: (reading) => (reading ? this.stream.resumeReading() : this.stream.pauseReading()),
    })
  }

  #makeInlet(recipient: Recipient, { writeBufferLimits }: TransportOptions): Inlet {
    return new Inlet(this.stream, {
      recipient,
      marks: new WaterMarks(writeBufferLimits.highBytes, writeBufferLimits.lowBytes),
      reportFlushed: (offset) => recipient.notify("transport/flushed", { transport: this.id, offset }),
      pauseWriting: () => this.#voice.pauseWriting(),
      resumeWriting: () => this.#voice.resumeWriting(),
    })
  }
}
