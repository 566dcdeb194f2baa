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
import { encodeBase64 } from "../base64.ts"
import { CHUNK_BYTES, MAX_HEADER_BYTES } from "../limits.ts"
import { LARGE_BYTES, Outflow, type Direct } from "../outflow.ts"
import { byteHeader, byteHeaderMiddle, jsonHeader, plainParams } from "./header.ts"
import type { Framing } from "./reader.ts"

export interface FrameWriterOptions {
  readonly framing: Framing
  /** For sockets and pipes of the system: writes past `output`. */
  readonly direct?: Direct | undefined
  /** Called when the messages of a turn are about to leave: what is written in it leaves with them. */
  leaving?: (() => void) | undefined
}

/** A message seen as what may hold bytes. */
interface Outgoing extends Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly data?: unknown } | null
}

/** What ends a message whose last member is its params, and their last member the data. */
const BEHIND_DATA = '"}}'

const ACCEPTED: Promise<void> = Promise.resolve()

/** The beginning of a message as JSON, without its params and its end. A notification has nothing but its method. */
function headOf(message: Outgoing): string {
  const { jsonrpc, method } = message
  if (jsonrpc === "2.0" && method !== undefined && Object.keys(message).length === 3) {
    return `{"jsonrpc":"2.0","method":${JSON.stringify(method)}`
  }
  return JSON.stringify({ ...message, params: undefined }).slice(0, -1)
}

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
  readonly #outflow: Outflow
  readonly #leaving: (() => void) | undefined
  #flushing: NodeJS.Immediate | undefined
  #failed = false
  #closed = false
  #disposed = false
  #droppedMessages = 0

  constructor(output: Writable, options: FrameWriterOptions) {
    super()
    this.#output = output
    this.#newline = options.framing === "newline"
    this.#leaving = options.leaving
    this.#outflow = new Outflow(output, { direct: options.direct })
    output.on("error", this.#onOutputError)
    output.on("close", this.#onOutputClose)
    output.on("drain", this.#onOutputDrain)
  }

  /** Bytes accepted and not yet handed to the system. */
  get pendingBytes(): number {
    return this.#outflow.pendingBytes
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
   * Accepts `message`; bytes leave at the end of this turn of the event loop, in the order written, or before.
   * Bytes in `params.data` travel as they are in a byte message, elsewhere as padded base64; they are copied, so that
   * whoever wrote them can use their memory again.
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

  /** At the end of this turn something may leave, whether or not there is anything now. */
  leaveSoon(): void {
    this.#flushing ??= setImmediate(this.#flush)
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
        this.#outflow.putText(header, header.length)
        this.#outflow.putBytes(data)
        return this.#accepted(data.byteLength)
      }
    }
    this.#putBase64(message, params, data)
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
    this.#beginBody(bytes)
    this.#outflow.putText(json, bytes)
    this.#endBody(bytes)
  }

  /**
   * Why not all of it by `JSON.stringify`: it looks at each character for what has to be escaped, and takes 160 µs for
   * the base64 of 64 KiB, which is made in 14 µs and has nothing to escape.
   */
  #putBase64(message: Outgoing, params: object, data: Uint8Array): void {
    const base64 = encodeBase64(data)
    const head = headOf(message)
    const others = (plainParams(params) ?? JSON.stringify({ ...params, data: undefined })).slice(0, -1)
    const before = `${head},"params":${others}${others === "{" ? "" : ","}"data":"`
    const beforeBytes = Buffer.byteLength(before)
    const bytes = beforeBytes + base64.length + BEHIND_DATA.length
    this.#beginBody(bytes)
    this.#outflow.putText(before, beforeBytes)
    this.#outflow.putText(base64, base64.length)
    this.#outflow.putText(BEHIND_DATA, BEHIND_DATA.length)
    this.#endBody(bytes)
  }

  #beginBody(bytes: number): void {
    if (this.#newline) return
    const header = jsonHeader(bytes)
    this.#outflow.putText(header, header.length)
  }

  #endBody(bytes: number): void {
    if (this.#newline) this.#outflow.putText("\n", 1)
    this.#accepted(bytes)
  }

  #accepted(bytes: number): void {
    if (bytes >= LARGE_BYTES || this.#outflow.gatheredBytes >= CHUNK_BYTES) this.#outflow.flush()
    // Why setImmediate: it runs once after all I/O callbacks of a turn, so 200 readable sockets that each cause a
    // message share one system call (40 000 messages: 1 000 calls), where a microtask or nextTick leaves after each
    // callback (40 000 calls). The round trip of a single message differed by less than the noise: 84–112 µs.
    else this.leaveSoon()
  }

  readonly #flush = (): void => {
    this.#leaving?.()
    if (this.#flushing !== undefined) clearImmediate(this.#flushing)
    this.#flushing = undefined
    this.#outflow.flush()
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
    this.#outflow.reclaim()
    this.#drained.fire()
  }
}
