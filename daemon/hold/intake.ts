/**
 * Clients to remote, for one direction of one transport: counts what was taken, and reports what the system took.
 * With flow control the client computes asyncio's write buffer from those reports; without it, this end does.
 * The writer may change: counts go on, so that a client that comes back knows what was accepted.
 */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { WRITE_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { WaterMarks } from "../../protocol/waterMarks.ts"
import type { Writer } from "./writer.ts"

interface Waiter {
  readonly offset: number
  readonly resolve: () => void
  readonly reject: (error: RpcError) => void
}

export class Intake {
  readonly marks: WaterMarks
  #writer: Writer | null = null
  /** Who waits until all is out; made for the first of them. */
  #waiters: Waiter[] | null = null
  #writtenBytes = 0
  #flushedBytes = 0
  #pausedWriting = false
  /** Whether the writer knows of the transport: until then it is told nothing. */
  #begun = false

  constructor(marks: WaterMarks) {
    this.marks = marks
  }

  /** Bytes that came from clients. */
  get written(): number {
    return this.#writtenBytes
  }

  /** Of these, handed to the system. */
  get flushedTo(): number {
    return this.#flushedBytes
  }

  /** Bytes taken and not yet handed to the system. */
  get bufferedBytes(): number {
    return this.#writtenBytes - this.#flushedBytes
  }

  /** Changes who writes; what is buffered counts against the budget of who writes now. `begin()` follows. */
  set writer(writer: Writer | null) {
    this.#writer?.recipient.buffered(-this.bufferedBytes)
    this.#writer = writer
    this.#pausedWriting = false
    this.#begun = false
    writer?.recipient.buffered(this.bufferedBytes)
  }

  /** The writer has heard of the transport: from now on it is told to pause, at once if what is buffered says so. */
  begin(): void {
    this.#begun = true
    this.#checkMarks()
  }

  /**
   * Counts bytes from the client; the caller hands them on.
   * Throws WindowExceeded, and counts nothing, when a client with flow control went over its window: the caller aborts
   * the transport.
   */
  take(bytes: number): void {
    this.#checkWindow(bytes)
    this.#writtenBytes += bytes
    this.#writer?.recipient.buffered(bytes)
    this.#checkMarks()
  }

  /** Resolves when all that was taken so far has been handed to the system; rejects with `error` of {@link lost}. */
  whenFlushed(): Promise<void> {
    if (this.bufferedBytes === 0) return Promise.resolve()
    return new Promise((resolve, reject) =>
      (this.#waiters ??= []).push({ offset: this.#writtenBytes, resolve, reject }),
    )
  }

  /** The system took `bytes` more. */
  flushed(bytes: number): void {
    this.#flushedBytes += bytes
    this.#writer?.recipient.buffered(-bytes)
    const waiters = this.#waiters
    while (waiters?.[0] !== undefined && waiters[0].offset <= this.#flushedBytes) waiters.shift()?.resolve()
    if (this.#writer?.recipient.flowControl) this.#writer.reportFlushed(this.#flushedBytes, bytes)
    else this.#checkMarks()
  }

  /** The end: nothing will be flushed any more. */
  lost(error: RpcError): void {
    this.#writer?.recipient.buffered(-this.bufferedBytes)
    this.#writer = null
    for (const waiter of this.#waiters ?? []) waiter.reject(error)
    this.#waiters = null
  }

  setMarks(highBytes?: number, lowBytes?: number): void {
    this.marks.set(highBytes, lowBytes)
    this.#checkMarks()
  }

  #checkWindow(bytes: number): void {
    const granted = this.#flushedBytes + WRITE_WINDOW_BYTES
    const sent = this.#writtenBytes + bytes
    if (!this.#writer?.recipient.flowControl || sent <= granted) return
    throw rpcError("WindowExceeded", `${sent} bytes were sent where ${granted} were granted`, { granted, sent })
  }

  #checkMarks(): void {
    const writer = this.#writer
    if (writer === null || !this.#begun || writer.recipient.flowControl) return
    if (!this.#pausedWriting && this.marks.isOver(this.bufferedBytes)) {
      this.#pausedWriting = true
      writer.pauseWriting()
    } else if (this.#pausedWriting && this.marks.isDrained(this.bufferedBytes)) {
      this.#pausedWriting = false
      writer.resumeWriting()
    }
  }
}
