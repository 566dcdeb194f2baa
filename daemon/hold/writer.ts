/** The client that writes to a holding, or to one pipe of it: how it is told of the brake. */
import type { Recipient } from "./recipient.ts"

export class Writer {
  readonly recipient: Recipient
  readonly #transport: number
  readonly #id: number
  readonly #fd: number | null

  /** @param id what its bytes are reported for, @param fd of a pipe: which. */
  constructor(recipient: Recipient, transport: number, id: number, fd: number | null) {
    this.recipient = recipient
    this.#transport = transport
    this.#id = id
    this.#fd = fd
  }

  /** With flow control: how far its bytes were flushed. */
  reportFlushed(offset: number, bytes: number): void {
    this.recipient.reportFlushed(this.#id, offset, bytes)
  }

  /** Without: asyncio's callbacks. */
  pauseWriting(): void {
    this.recipient.notify("protocol/pauseWriting", named(this.#transport, this.#fd))
  }

  resumeWriting(): void {
    this.recipient.notify("protocol/resumeWriting", named(this.#transport, this.#fd))
  }
}

function named(transport: number, fd: number | null): { transport: number; fd?: number } {
  return fd === null ? { transport } : { transport, fd }
}
