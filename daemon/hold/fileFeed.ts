/** A file that is written to a channel in its owner's place, as fast as the system takes it and not faster. */
import type { FileHandle } from "node:fs/promises"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { CHUNK_BYTES, OUTBOX_HIGH_BYTES } from "../../protocol/limits.ts"
import { closedTransport, openFailure } from "../failures.ts"
import type { Feeder } from "./inlet.ts"
import type { Sink } from "./splice.ts"

export interface Part {
  readonly offset: number
  /** Absent: up to the end. */
  readonly count?: number | undefined
}

export class FileFeed implements Feeder {
  readonly operation = "sendfile"
  readonly #sink: Sink
  readonly #signal: AbortSignal
  #loss: RpcError | null = null
  #wake = (): void => {}

  /** Takes its turn at once; `send` follows, or `giveBack` where there is nothing to send. */
  constructor(sink: Sink, signal: AbortSignal) {
    this.#sink = sink
    this.#signal = signal
    sink.inlet.lend(this)
  }

  drained(): void {
    this.#wake()
  }

  lost(error: RpcError): void {
    this.#loss = error
    this.#wake()
  }

  giveBack(): void {
    if (this.#loss === null) this.#sink.inlet.giveBack()
  }

  /**
   * Resolves to the number of bytes when all of them are with the system.
   * Rejects with why the transport ended, OsFailure, or RequestCancelled; what was read before goes out all the same.
   */
  async send(file: FileHandle, { offset, count = Infinity }: Part): Promise<number> {
    const wake = (): void => this.#wake()
    this.#signal.addEventListener("abort", wake)
    try {
      let sent = 0
      while (sent < count) {
        await this.#until(OUTBOX_HIGH_BYTES)
        const room = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, count - sent))
        const { bytesRead } = await file.read(room, 0, room.length, offset + sent).catch(rethrow)
        if (bytesRead === 0) break
        this.#check()
        this.#sink.inlet.feed(room.subarray(0, bytesRead))
        sent += bytesRead
      }
      await this.#until(0)
      return sent
    } finally {
      this.#signal.removeEventListener("abort", wake)
    }
  }

  /** Waits until at most `bytes` are not with the system yet. */
  async #until(bytes: number): Promise<void> {
    this.#check()
    while (this.#sink.inlet.handedBytes > bytes) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#check()
    }
  }

  #check(): void {
    if (this.#loss !== null) throw this.#loss
    if (this.#signal.aborted) throw rpcError("RequestCancelled", "sending the file was cancelled")
    if (this.#sink.stream.isClosing) throw closedTransport(this.#sink.id)
  }
}

function rethrow(error: unknown): never {
  throw openFailure(error)
}
