/**
 * Bytes → messages: the reading half of the wire, in place of vscode-jsonrpc's own reader.
 * Owns where one frame ends and the next begins, the caps on both, and not delivering while paused.
 * Knows neither methods nor clients, answers nothing itself and keeps no clock: a peer that is slow in mid-frame is for
 * its owner to notice.
 *
 * Theory of operation.
 * `#chunk` from `#at` on is what has not been read. Whatever lies whole within it is used in place; what a chunk's end
 * cuts off goes to `#assembly`, and `#header` tells what is being assembled (undefined: a header block or a line).
 * The trap: a callback may pause, resume or dispose in the middle of a chunk, and input may end while frames wait.
 * So there is one loop, `#drain`, which asks after each frame whether to go on, and the end of input waits its turn.
 */
import type { Readable } from "node:stream"
import { AbstractMessageReader, Disposable, Emitter } from "vscode-jsonrpc/node"
import type { DataCallback, Event, Message } from "vscode-jsonrpc/node"
import { isRpcError, rpcError, type RpcError } from "../errors.ts"
import { CHUNK_BYTES, MAX_HEADER_BYTES, MAX_MESSAGE_BYTES, MAX_NESTING } from "../limits.ts"
import { Assembly } from "./assembly.ts"
import { judgeBody, judgeDataBody, type Rejection } from "./body.ts"
import { findHeaderEnd, HeaderCache, parseHeader, type FrameHeader } from "./header.ts"
import type { ReadMemory } from "./memory.ts"

/** How messages are cut from bytes: LSP's header fields (byte messages included), or one JSON message per line. */
export type Framing = "header" | "newline"

export interface FrameReaderOptions {
  readonly framing: Framing
  /** Longest header block, its empty line included. */
  readonly maxHeaderBytes?: number
  /** Longest body, or longest line without its end. */
  readonly maxMessageBytes?: number
  /** Deepest nesting of arrays and objects in a body or in `Params`. */
  readonly maxNesting?: number
  /** Where `input` reads to; each `data` event then has all that came and was not read. */
  readonly memory?: ReadMemory | undefined
  /**
   * Whether the memory of a message's bytes, read or decoded, is used again once its callback is over, but for bytes that
   * {@link FrameReader.own} was asked for. By default all are the receiver's.
   */
  readonly lendsBytes?: boolean | undefined
  /** Whether large base64 in `params.data` of a JSON body may come as bytes, as that of a byte message does. */
  readonly decodesData?: boolean
}

const LF = 0x0a
const CR = 0x0d
const NOTHING = Buffer.alloc(0)
/** Where base64 is decoded to for who is lent bytes: good for one message. */
const lent = Buffer.allocUnsafeSlow(2 * CHUNK_BYTES)

/** With memory that is read into again: a body below this is copied out, for a larger one the memory is left to it. */
const COPIED_BYTES = 8 * 1024

/** Room for a first piece of a header block or line; it doubles as needed. */
const FIRST_GUESS_BYTES = 512

/** Reads messages from a byte stream. `input` must have no encoding set and stays its owner's: it is never destroyed. */
export class FrameReader extends AbstractMessageReader {
  readonly #input: Readable
  readonly #newline: boolean
  readonly #maxHeaderBytes: number
  readonly #maxMessageBytes: number
  readonly #maxNesting: number
  readonly #memory: ReadMemory | undefined
  readonly #lendsBytes: boolean
  readonly #headers: HeaderCache
  readonly #decodesData: boolean
  readonly #rejected = new Emitter<Rejection>()
  readonly #brokenWith = new Emitter<RpcError>()

  #callback: DataCallback | undefined
  #paused = false
  #draining = false
  #broken = false
  #disposed = false
  #inputOver = false
  #closed = false

  #chunk: Buffer = NOTHING
  #at = 0
  /** Chunks behind `#chunk`, none of them empty. More than one only from a stream that goes on after `pause()`. */
  readonly #waiting: Buffer[] = []
  #header: FrameHeader | undefined
  #assembly: Assembly | undefined
  #malformedResponses = 0
  /**
   * Where the bytes of the message lie that is being delivered; null: not in memory that is used again.
   * Why not found out from their `buffer`: to ask for that four times made a message of 64 bytes take 2 µs more.
   */
  #lender: ReadMemory | "decoder" | null = null

  constructor(input: Readable, options: FrameReaderOptions) {
    super()
    this.#input = input
    this.#newline = options.framing === "newline"
    this.#maxHeaderBytes = options.maxHeaderBytes ?? MAX_HEADER_BYTES
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES
    this.#maxNesting = options.maxNesting ?? MAX_NESTING
    this.#memory = options.memory
    this.#decodesData = options.decodesData ?? false
    this.#lendsBytes = options.lendsBytes ?? false
    this.#headers = new HeaderCache(this.#maxMessageBytes)
    input.on("error", this.#onInputError)
    input.on("end", this.#onInputOver)
    input.on("close", this.#onInputOver)
  }

  /**
   * A correct frame held no valid message; the peer answers `error` to `id`, and reading goes on.
   * In order with the messages around it. Never fires for a malformed response (see {@link malformedResponses}).
   */
  get onReject(): Event<Rejection> {
    return this.#rejected.event
  }

  /**
   * The framing cannot be trusted any more (always ParseError). Fires once, after everything before it was delivered;
   * what follows is read and thrown away, so that closing does not reset the connection under the error response.
   */
  get onBroken(): Event<RpcError> {
    return this.#brokenWith.event
  }

  /** Responses that were no valid ones and were dropped: answering a response could go on for ever. */
  get malformedResponses(): number {
    return this.#malformedResponses
  }

  /**
   * Starts reading; each message goes to `callback`, in the order received, as soon as its last byte is here.
   * A byte message arrives as a notification whose `params.data` is a Buffer. It may share memory with what was read
   * around it: who keeps a small piece for long should copy it. An error thrown by `callback` goes to `onError`.
   * `onClose` fires once, after the last message, when input ended, closed or failed; a partial frame is discarded.
   * Throws when called twice. The returned Disposable disposes the reader.
   */
  override listen(callback: DataCallback): Disposable {
    if (this.#callback !== undefined) throw new Error("this reader is already listening")
    this.#callback = callback
    this.#input.on("data", this.#onChunk)
    if (!this.#paused) this.#input.resume()
    // A stream that was over before we looked says nothing any more.
    if (this.#input.destroyed || this.#input.readableEnded) queueMicrotask(this.#onInputOver)
    return Disposable.create(() => this.dispose())
  }

  /** From now on nothing is delivered, also not what is here already; input is paused. Idempotent. */
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#input.pause()
  }

  /**
   * Delivers what is here, synchronously (inside a callback: when that callback returns), then lets input flow.
   * A callback that pauses again stops it. Idempotent.
   */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#drain()
    if (!this.#paused && !this.#disposed && this.#callback !== undefined) this.#input.resume()
  }

  /**
   * The bytes of the message that is being delivered, or some of them, for good: small ones are copied, for others the
   * memory is not used again. Bytes that are the receiver's already are returned as they are.
   */
  own(bytes: Buffer): Buffer {
    const lender = this.#lender
    if (lender === null) return bytes
    if (lender === "decoder" || bytes.length < COPIED_BYTES) return Buffer.from(bytes)
    lender.keep()
    return bytes
  }

  /** Stops reading and gives what is here and was not read: the stream goes on behind it. */
  takeRest(): Buffer {
    const left = this.#memory === undefined || this.#draining ? this.#chunk.subarray(this.#at) : this.#memory.unread
    const rest = Buffer.concat([left, ...this.#waiting])
    this.pause()
    this.dispose()
    return rest
  }

  /** Stops reading and drops what is here; no event fires any more. The stream is left as it is. Idempotent. */
  override dispose(): void {
    this.#disposed = true
    this.#forget()
    this.#input.off("data", this.#onChunk)
    this.#input.off("end", this.#onInputOver)
    this.#input.off("close", this.#onInputOver)
    // The error listener stays: a stream that fails after we left must not end the process.
    this.#rejected.dispose()
    this.#brokenWith.dispose()
    super.dispose()
  }

  readonly #onChunk = (chunk: Buffer): void => {
    if (this.#broken || this.#disposed || chunk.length === 0) return
    if (this.#memory === undefined) this.#waiting.push(chunk)
    this.#drain(chunk)
  }

  readonly #onInputError = (error: Error): void => {
    this.fireError(error)
    this.#onInputOver()
  }

  readonly #onInputOver = (): void => {
    this.#inputOver = true
    this.#drain()
  }

  /**
   * Reads frames until bytes run out or somebody says stop, then closes if there is nothing more to come.
   * @param unread with `memory`: all that is there. What was left of a chunk may have been moved since.
   */
  #drain(unread = this.#memory?.unread): void {
    if (this.#draining) return
    this.#draining = true
    if (this.#memory !== undefined) {
      this.#chunk = unread ?? NOTHING
      this.#at = 0
    }
    let isStuck = false
    try {
      while (!this.#paused && !isStuck && this.#hasBytes()) isStuck = !this.#readOn()
    } catch (error) {
      if (!isRpcError(error, "ParseError")) throw error
      this.#break(error)
    } finally {
      this.#draining = false
    }
    this.#memory?.left(this.#chunk.length - this.#at, this.#header?.contentLength ?? 0)
    if (this.#inputOver && !this.#closed && (isStuck || !this.#hasBytes())) {
      this.#closed = true
      this.fireClose()
    }
  }

  #hasBytes(): boolean {
    if (this.#at < this.#chunk.length) return true
    this.#chunk = this.#waiting.shift() ?? NOTHING
    this.#at = 0
    return this.#chunk.length > 0
  }

  /** False when nothing can be done with the bytes that are here: they stay. */
  #readOn(): boolean {
    if (this.#header !== undefined) return this.#readBody(this.#header)
    if (this.#newline) this.#readLine()
    else this.#readHeader()
    return true
  }

  #readHeader(): void {
    const chunk = this.#chunk
    const start = this.#at
    if (this.#assembly === undefined) {
      const known = this.#headers.find(chunk, start)
      if (known !== undefined) {
        this.#at = this.#headers.endOfLast
        this.#header = known
        if (known.contentLength === 0) this.#readBody(known)
        return
      }
    }
    const known = this.#assembly?.length ?? 0
    const end = Math.min(chunk.length, start + this.#maxHeaderBytes - known)
    let block = chunk
    let blockStart = start
    if (this.#assembly !== undefined) {
      this.#assembly.append(chunk, start, end)
      block = this.#assembly.bytes
      blockStart = 0
    }
    const blockEnd = findHeaderEnd(block, blockStart, blockStart + known, blockStart + known + end - start)
    if (blockEnd === -1) {
      if (known + end - start === this.#maxHeaderBytes) {
        throw rpcError("ParseError", `bad header: over the limit of ${this.#maxHeaderBytes} bytes`)
      }
      if (this.#assembly === undefined) (this.#assembly = new Assembly(FIRST_GUESS_BYTES)).append(chunk, start, end)
      this.#at = end
      return
    }
    this.#at = start + blockEnd - blockStart - known
    this.#assembly = undefined
    const text = block.toString("latin1", blockStart, blockEnd)
    this.#header = parseHeader(text, this.#maxMessageBytes, this.#maxNesting)
    this.#headers.add(text, this.#header)
    // An empty body needs no further byte, so nothing further would come to trigger it.
    if (this.#header.contentLength === 0) this.#readBody(this.#header)
  }

  #readBody(header: FrameHeader): boolean {
    const missing = header.contentLength - (this.#assembly?.length ?? 0)
    const start = this.#at
    const end = Math.min(this.#chunk.length, start + missing)
    if (this.#memory !== undefined && end - start < missing) return false
    this.#at = end
    let body = this.#chunk.subarray(start, end)
    if (this.#assembly !== undefined || end - start < missing) {
      this.#assembly ??= new Assembly(header.contentLength)
      this.#assembly.append(body, 0, body.length)
      if (end - start < missing) return true
      body = this.#assembly.bytes
    }
    this.#assembly = undefined
    this.#header = undefined
    if (header.byteMessage === undefined) this.#deliverJson(body)
    else {
      const { method, params } = header.byteMessage
      this.#lender = this.#memory ?? null
      params.data = this.#lendsBytes ? body : this.own(body)
      this.#deliver({ jsonrpc: "2.0", method, params } as Message)
      this.#lender = null
    }
    return true
  }

  #readLine(): void {
    const start = this.#at
    const lf = this.#chunk.indexOf(LF, start)
    const end = lf === -1 ? this.#chunk.length : lf
    const length = (this.#assembly?.length ?? 0) + end - start
    // One byte more than allowed may still turn out to be the CR of the line's end.
    if (length > this.#maxMessageBytes + 1) throw this.#lineTooLong()
    let line = this.#chunk.subarray(start, end)
    if (this.#assembly !== undefined || lf === -1) {
      this.#assembly ??= new Assembly(Math.max(FIRST_GUESS_BYTES, length))
      this.#assembly.append(line, 0, line.length)
      line = this.#assembly.bytes
    }
    this.#at = lf === -1 ? end : lf + 1
    if (lf === -1) return
    this.#assembly = undefined
    if (line.at(-1) === CR) line = line.subarray(0, -1)
    if (line.length > this.#maxMessageBytes) throw this.#lineTooLong()
    if (line.length > 0) this.#deliverJson(line)
  }

  #lineTooLong(): RpcError {
    return rpcError("ParseError", `a line is over the limit of ${this.#maxMessageBytes} bytes`)
  }

  #deliverJson(body: Buffer): void {
    const memory = this.#lendsBytes ? lent : undefined
    const verdict = this.#decodesData
      ? judgeDataBody(body, this.#maxNesting, memory)
      : judgeBody(body, this.#maxNesting)
    if (verdict.kind === "message") {
      this.#lender = memory === undefined ? null : "decoder"
      this.#deliver(verdict.message)
      this.#lender = null
    } else if (verdict.kind === "rejected") this.#rejected.fire({ error: verdict.error, id: verdict.id })
    else this.#malformedResponses++
  }

  #deliver(message: Message): void {
    try {
      this.#callback?.(message)
    } catch (error) {
      // A bug behind us, not in the bytes: the stream is in order, and the messages that follow are not at fault.
      this.fireError(error)
    }
  }

  #break(error: RpcError): void {
    this.#broken = true
    this.#forget()
    this.#brokenWith.fire(error)
  }

  #forget(): void {
    this.#chunk = NOTHING
    this.#at = 0
    this.#waiting.length = 0
    this.#header = undefined
    this.#assembly = undefined
    this.#memory?.left(0, 0)
  }
}
