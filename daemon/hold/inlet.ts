/**
 * Client to remote, for one direction of one transport: accepts, counts, and reports what was handed to the system.
 * With flow control the client computes asyncio's write buffer from those reports; without it, this end does.
 */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { WRITE_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { StreamTransport } from "../transports/transport.ts"
import type { Recipient } from "./recipient.ts"
import type { WaterMarks } from "../../protocol/waterMarks.ts"

export interface InletOptions {
  readonly recipient: Recipient
  readonly marks: WaterMarks
  /** With flow control: tells the client how far it was flushed. */
  reportFlushed(offset: number): void
  pauseWriting(): void
  resumeWriting(): void
}

interface Waiter {
  readonly offset: number
  readonly resolve: () => void
  readonly reject: (error: RpcError) => void
}

export class Inlet {
  readonly #options: InletOptions
  readonly #stream: StreamTransport
  readonly marks: WaterMarks
  #waiters: Waiter[] = []
  #writtenBytes = 0
  #flushedBytes = 0
  #pausedWriting = false

  constructor(stream: StreamTransport, options: InletOptions) {
    this.#stream = stream
    this.#options = options
    this.marks = options.marks
  }

  get counts(): { written: number; flushed: number } {
    return { written: this.#writtenBytes, flushed: this.#flushedBytes }
  }

  /** Bytes taken and not yet handed to the system. */
  get bufferedBytes(): number {
    return this.#writtenBytes - this.#flushedBytes
  }

  /**
   * Takes bytes from the client. With `offset`, what was taken before is skipped; a gap is InvalidParams.
   * Throws WindowExceeded when a client with flow control went over its window: the caller aborts the transport.
   */
  write(data: Uint8Array, offset = this.#writtenBytes): void {
    if (offset > this.#writtenBytes) {
      throw rpcError("InvalidParams", `offset ${offset} leaves a gap: ${this.#writtenBytes} bytes were written so far`)
    }
    const fresh = data.subarray(this.#writtenBytes - offset)
    if (fresh.byteLength === 0) return
    this.#checkWindow(fresh.byteLength)
    this.#writtenBytes += fresh.byteLength
    this.#options.recipient.buffered(fresh.byteLength)
    this.#stream.write(fresh)
    this.#checkMarks()
  }

  /** Resolves when all that was taken so far has been handed to the system; rejects with `error` of {@link lost}. */
  whenFlushed(): Promise<void> {
    if (this.bufferedBytes === 0) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ offset: this.#writtenBytes, resolve, reject }))
  }

  /** The system took `bytes` more. */
  flushed(bytes: number): void {
    this.#flushedBytes += bytes
    this.#options.recipient.buffered(-bytes)
    while (this.#waiters[0] !== undefined && this.#waiters[0].offset <= this.#flushedBytes)
      this.#waiters.shift()?.resolve()
    if (this.#options.recipient.flowControl) this.#options.reportFlushed(this.#flushedBytes)
    else this.#checkMarks()
  }

  /** The end: nothing will be flushed any more. */
  lost(error: RpcError): void {
    this.#options.recipient.buffered(-this.bufferedBytes)
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#waiters = []
  }

  setMarks(highBytes?: number, lowBytes?: number): void {
    this.marks.set(highBytes, lowBytes)
    this.#checkMarks()
  }

  #checkWindow(bytes: number): void {
    const granted = this.#flushedBytes + WRITE_WINDOW_BYTES
    const sent = this.#writtenBytes + bytes
    if (!this.#options.recipient.flowControl || sent <= granted) return
    throw rpcError("WindowExceeded", `${sent} bytes were sent where ${granted} were granted`, { granted, sent })
  }

  #checkMarks(): void {
    if (this.#options.recipient.flowControl) return
    if (!this.#pausedWriting && this.marks.isOver(this.bufferedBytes)) {
      this.#pausedWriting = true
      this.#options.pauseWriting()
    } else if (this.#pausedWriting && this.marks.isDrained(this.bufferedBytes)) {
      this.#pausedWriting = false
      this.#options.resumeWriting()
    }
  }
}
