/**
 * The writing half of a transport: asyncio's write buffer, counted at this end so that `pauseWriting` can come inside
 * `write()`. At most a window of bytes is with the daemon and not flushed; the rest waits here.
 */
import { CHUNK_BYTES } from "../protocol/limits.ts"
import { rpcError } from "../protocol/errors.ts"
import { WaterMarks } from "../protocol/waterMarks.ts"
import { SendWindow } from "../protocol/window.ts"
import type { Link } from "./link.ts"

export interface WriteEvents {
  pauseWriting(): void
  resumeWriting(): void
}

export class WriteSide {
  readonly marks = new WaterMarks()
  readonly #id: number
  readonly #link: Link
  readonly #events: WriteEvents
  readonly #window: SendWindow
  #queue: Buffer[] = []
  #queuedBytes = 0
  #pausedWriting = false
  #state: "open" | "ended" | "dead" = "open"
  /** What is said once everything is with the daemon: end of file, close. */
  #last: Array<"transport/writeEof" | "transport/close"> = []

  constructor(id: number, link: Link, writeWindowBytes: number, events: WriteEvents) {
    this.#id = id
    this.#link = link
    this.#events = events
    this.#window = new SendWindow(writeWindowBytes)
  }

  /** Bytes written and not yet handed to the system. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#window.outstanding
  }

  /** Takes a copy of `data`: the caller may reuse it. After the end: dropped. */
  write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError(`write() takes a Uint8Array, not ${typeof data}`)
    if (this.#state === "ended")
      throw rpcError("TransportClosed", "cannot write after writeEof()", { transport: this.#id })
    if (this.#state === "dead" || data.byteLength === 0) return
    this.#queue.push(Buffer.from(data))
    this.#queuedBytes += data.byteLength
    this.#send()
    this.#checkMarks()
  }

  /** The daemon handed all up to `offset` to the system. */
  flushed(offset: number): void {
    this.#window.acknowledge(offset)
    this.#send()
    this.#checkMarks()
  }

  /** Nothing is written behind this; the remote sees the end of file once all is out. Again: no effect. */
  writeEof(): void {
    if (this.#state !== "open") return
    this.#state = "ended"
    this.#finish("transport/writeEof")
  }

  /** Nothing is written behind this; the daemon closes once all is out. */
  close(): void {
    this.#state = "dead"
    this.#finish("transport/close")
  }

  /** Drops what is not with the daemon yet. */
  drop(): void {
    this.#state = "dead"
    this.#queue = []
    this.#queuedBytes = 0
    this.#last = []
    this.#window.acknowledge(this.#window.sent)
  }

  setMarks(highBytes?: number, lowBytes?: number): void {
    this.marks.set(highBytes, lowBytes)
    this.#checkMarks()
  }

  #finish(name: "transport/writeEof" | "transport/close"): void {
    this.#last.push(name)
    this.#send()
  }

  #send(): void {
    for (let head = this.#queue[0]; head !== undefined && this.#window.available > 0; head = this.#queue[0]) {
      const bytes = Math.min(head.length, this.#window.available, CHUNK_BYTES)
      if (bytes === head.length) this.#queue.shift()
      else this.#queue[0] = head.subarray(bytes)
      this.#queuedBytes -= bytes
      this.#window.send(bytes)
      this.#link.notify("transport/write", { transport: this.#id, data: head.subarray(0, bytes) })
    }
    if (this.#queue.length > 0) return
    for (const name of this.#last.splice(0)) this.#link.notify(name, { transport: this.#id })
  }

  #checkMarks(): void {
    const bytes = this.bufferedBytes
    if (!this.#pausedWriting && this.marks.isOver(bytes)) this.#call("pauseWriting", true)
    else if (this.#pausedWriting && this.marks.isDrained(bytes)) this.#call("resumeWriting", false)
  }

  #call(callback: keyof WriteEvents, paused: boolean): void {
    // The flag first: the callback may write.
    this.#pausedWriting = paused
    try {
      this.#events[callback]()
    } catch (error) {
      this.#link.report(error, callback)
    }
  }
}
