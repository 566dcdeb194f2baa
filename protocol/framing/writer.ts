/**
 * Messages → bytes: the writing half of the wire, in place of vscode-jsonrpc's own writer.
 * Owns the form a message takes (header or newline framing, JSON or byte message) and when bytes leave.
 * Bounds nothing: it shows its backlog, and whoever produces bulk data holds back by it.
 */
import type { Writable } from "node:stream"
// Why imported and not the global: tests fake the clock, and the wire must go on while they do.
import { clearImmediate, setImmediate } from "node:timers"
import { AbstractMessageWriter, Emitter } from "vscode-jsonrpc/node"
import type { Event, Message, MessageWriter } from "vscode-jsonrpc/node"
import { CHUNK_BYTES, MAX_HEADER_BYTES } from "../limits.ts"
import { byteHeader, byteHeaderMiddle, jsonHeader } from "./header.ts"
import type { Framing } from "./reader.ts"

export interface FrameWriterOptions {
  readonly framing: Framing
}

/** A message seen as what may hold bytes. */
interface Outgoing extends Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly data?: unknown } | null
}

const ACCEPTED: Promise<void> = Promise.resolve()

/** Writes messages to a byte stream. `output` is ended by {@link end} alone and never destroyed. */
export class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  /**
   * Whether a notification with bytes in `params.data` leaves as a byte message: set it once the other side has
   * announced that it reads them. No effect with newline framing.
   */
  byteMessages = false

  readonly #output: Writable
  readonly #newline: boolean
  readonly #drained = new Emitter<void>()
  /** Methods come from our own declarations, so this stays as small as their list. */
  readonly #headerMiddles = new Map<string, string>()
  /** Accepted in this turn and not yet with the stream: what comes before any bytes still to be written. */
  #text = ""
  #textBytes = 0
  #flushing: NodeJS.Immediate | undefined
  #failed = false
  #closed = false
  #disposed = false
  #droppedMessages = 0

  constructor(output: Writable, options: FrameWriterOptions) {
    super()
    this.#output = output
    this.#newline = options.framing === "newline"
    output.on("error", this.#onOutputError)
    output.on("close", this.#onOutputClose)
    output.on("drain", this.#onOutputDrain)
  }

  /** Bytes accepted and not yet handed to the system. */
  get pendingBytes(): number {
    return this.#output.writableLength + this.#textBytes
  }

  /** Messages given to {@link write} when nobody could get them any more. */
  get droppedMessages(): number {
    return this.#droppedMessages
  }

  /**
   * The backlog is empty again, after it had reached the stream's `writableHighWaterMark` (16 KiB or 64 KiB for a
   * socket). A backlog that stays below goes without this event: wait only when more than that is pending.
   */
  get onDrain(): Event<void> {
    return this.#drained.event
  }

  /**
   * Accepts `message`; bytes leave at the end of this turn of the event loop, in the order written.
   * Bytes in `params.data` are not copied in a byte message: leave them alone until they have left. Elsewhere they
   * become padded base64.
   * The promise is settled already: accepted, not delivered. It rejects only for a message that JSON cannot express.
   * Once the stream ended or failed, the message is dropped and counted.
   */
  write(message: Message): Promise<void> {
    if (this.#disposed || this.#failed || !this.#output.writable) {
      this.#droppedMessages++
      return ACCEPTED
    }
    try {
      this.#encode(message)
    } catch (error) {
      return Promise.reject(error)
    }
    return ACCEPTED
  }

  /** Flushes, then ends the stream. Idempotent. */
  end(): void {
    this.#flush()
    if (this.#output.writable) this.#output.end()
  }

  /** Hands what was accepted to the stream and lets go of it; no event fires any more. Idempotent. */
  override dispose(): void {
    this.#flush()
    this.#disposed = true
    this.#output.off("close", this.#onOutputClose)
    this.#output.off("drain", this.#onOutputDrain)
    // The error listener stays: a stream that fails after we left must not end the process.
    this.#drained.dispose()
    super.dispose()
  }

  #encode(message: Outgoing): void {
    const { id, method, params } = message
    const data = params?.data
    if (params === null || params === undefined || !(data instanceof Uint8Array)) return this.#putJson(message)
    if (this.byteMessages && !this.#newline && id === undefined && method !== undefined) {
      const header = this.#byteHeader(method, params, data.byteLength)
      if (header !== undefined) {
        this.#putText(header, header.length)
        if (data.byteLength > 0) this.#putBytes(data)
        return
      }
    }
    const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")
    this.#putJson({ ...message, params: { ...params, data: base64 } })
  }

  /** Undefined when the header cannot say it: then the JSON form, which means exactly the same, has to. */
  #byteHeader(method: string, params: object, bodyBytes: number): string | undefined {
    let middle = this.#headerMiddles.get(method)
    if (middle === undefined) {
      middle = byteHeaderMiddle(method)
      if (middle === undefined) return undefined
      this.#headerMiddles.set(method, middle)
    }
    const header = byteHeader(bodyBytes, middle, params)
    return header.length > MAX_HEADER_BYTES ? undefined : header
  }

  #putJson(message: object): void {
    const json = JSON.stringify(message)
    const bytes = Buffer.byteLength(json)
    if (this.#newline) return this.#putText(`${json}\n`, bytes + 1)
    const header = jsonHeader(bytes)
    this.#putText(header + json, header.length + bytes)
  }

  #putText(text: string, bytes: number): void {
    this.#flushLater()
    this.#text += text
    this.#textBytes += bytes
    if (this.#textBytes >= CHUNK_BYTES) this.#pourText()
  }

  #putBytes(bytes: Uint8Array): void {
    this.#flushLater()
    this.#pourText()
    this.#output.write(bytes)
  }

  /** Headers and JSON are joined until bytes that may not be copied come, or it is enough for one piece. */
  #pourText(): void {
    // Why joined: of 50 small JSON messages in a turn each costs 1.0–1.5 µs, written as a Buffer each 1.7–1.9 µs.
    const text = this.#text
    this.#text = ""
    this.#textBytes = 0
    if (text !== "" && this.#output.writable) this.#output.write(Buffer.from(text, "utf8"))
  }

  #flushLater(): void {
    if (this.#flushing !== undefined) return
    this.#output.cork()
    // Why setImmediate: it runs once after all I/O callbacks of a turn, so 200 readable sockets that each cause a
    // message share one system call (40 000 messages: 1 000 calls), where a microtask or nextTick leaves after each
    // callback (40 000 calls). The round trip of a single message differed by less than the noise: 84–112 µs.
    this.#flushing = setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    if (this.#flushing === undefined) return
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    this.#pourText()
    this.#output.uncork()
  }

  readonly #onOutputError = (error: Error): void => {
    if (this.#failed) return
    this.#failed = true
    this.fireError(error)
    // stdout does not always say `close` after an error.
    this.#onOutputClose()
  }

  readonly #onOutputClose = (): void => {
    if (this.#closed) return
    this.#closed = true
    this.fireClose()
  }

  readonly #onOutputDrain = (): void => {
    this.#drained.fire()
  }
}
