/**
 * Joins transports to Node streams, with back-pressure both ways: who writes too fast is stopped, at either end.
 * Knows neither verbs nor where the streams lead.
 */
import type { Readable, Writable } from "node:stream"
import type { Protocol, ReadTransport, Transport, WriteTransport } from "transportd/client"
import { flushed } from "./ending.ts"
import { tellLost } from "./print.ts"

type Sink = Pick<WriteTransport, "write" | "writeEof">
type Source = Pick<ReadTransport, "pauseReading" | "resumeReading">

/** What a relay asks of its transport. */
export type Line = Source & Sink & Pick<Transport, "close">

/** A Node stream into a transport: the end of the one is the end of file of the other. */
export class Feed {
  readonly #source: Readable
  readonly #target: Sink
  readonly #take = (chunk: Buffer): void => {
    this.bytes += chunk.length
    this.#target.write(chunk)
  }
  readonly #end: () => void
  bytes = 0

  /** @param ended called at the end of the stream, after the end of file was written. */
  constructor(source: Readable, target: Sink, ended = (): void => {}) {
    this.#source = source
    this.#target = target
    this.#end = () => {
      target.writeEof()
      ended()
    }
    // A source that cannot be read (EIO of a lost terminal) has no more to say.
    source.on("error", this.#end).on("end", this.#end).on("data", this.#take)
  }

  /** The transport has enough for now. */
  pause(): void {
    this.#source.pause()
  }

  resume(): void {
    this.#source.resume()
  }

  /** The transport is gone: what still comes is nobody's. The error listener stays, or an error would be an exception. */
  stop(): void {
    this.#source.off("data", this.#take).off("end", this.#end).pause()
  }
}

/** A transport into a Node stream. */
export class Drain {
  readonly #sink: Writable
  readonly #source: Source
  bytes = 0

  /** @param broken called when nobody reads the stream any more; by default that is somebody else's business. */
  constructor(sink: Writable, source: Source, broken?: () => void) {
    this.#sink = sink
    this.#source = source
    if (broken !== undefined) sink.once("error", broken)
  }

  write(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.#sink.errored || this.#sink.write(chunk)) return
    this.#source.pauseReading()
    this.#sink.once("drain", () => this.#source.resumeReading())
  }
}

export interface RelayOptions {
  /** What the remote gets; null: nothing. */
  readonly source: Readable | null
  /** Where what the remote sends goes. */
  readonly sink: Writable
  /**
   * Whether `source` is sent to its end also after the remote has ended: for one that surely has an end. Otherwise the
   * end of the remote is the end of all.
   */
  readonly toTheEnd?: boolean
}

/** A protocol that reads a stream into its transport and its transport into another. */
export class Relay implements Protocol {
  /** Resolves to what `connectionLost` said, when all is in the sink. */
  readonly lost: Promise<Error | null>
  readonly #options: RelayOptions
  #feed: Feed | null = null
  #drain: Drain | null = null
  #sourceEnded = false
  #remoteEnded = false
  #resolveLost = (_error: Error | null): void => {}

  constructor(options: RelayOptions) {
    this.#options = options
    this.lost = new Promise((resolve) => (this.#resolveLost = resolve))
  }

  get bytesIn(): number {
    return this.#drain?.bytes ?? 0
  }

  get bytesOut(): number {
    return this.#feed?.bytes ?? 0
  }

  connectionMade(transport: Line): void {
    const { source, sink } = this.#options
    this.#drain = new Drain(sink, transport)
    if (source === null) return
    this.#feed = new Feed(source, transport, () => {
      this.#sourceEnded = true
      if (this.#remoteEnded) transport.close()
    })
  }

  dataReceived(data: Buffer): void {
    this.#drain?.write(data)
  }

  bytesLost(from: number, to: number): void {
    tellLost(to - from)
  }

  /** Whether the transport stays half-open. */
  eofReceived(): boolean {
    this.#remoteEnded = true
    return this.#options.toTheEnd === true && this.#feed !== null && !this.#sourceEnded
  }

  pauseWriting(): void {
    this.#feed?.pause()
  }

  resumeWriting(): void {
    this.#feed?.resume()
  }

  connectionLost(error: Error | null): void {
    this.#feed?.stop()
    void flushed(this.#options.sink).then(() => this.#resolveLost(error))
  }
}
