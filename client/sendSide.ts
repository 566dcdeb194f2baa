/**
 * The sending half of a datagram transport: asyncio's write buffer, counted at this end so that `pauseWriting` can come
 * inside `sendto()`. At most a window is with the daemon and not flushed; the rest waits here, whole datagrams each.
 */
import { DATAGRAM_OVERHEAD_BYTES } from "../protocol/limits.ts"
import { Queue } from "../protocol/queue.ts"
import { WaterMarks } from "../protocol/waterMarks.ts"
import { SendWindow } from "../protocol/window.ts"
import type { DatagramAddress } from "./datagram.ts"
import type { Link } from "./link.ts"
import type { WriteEvents } from "./writeSide.ts"

interface Outgoing {
  readonly data: Buffer
  readonly addr: DatagramAddress | null
}

export class SendSide {
  readonly marks = new WaterMarks()
  readonly #id: number
  readonly #link: Link
  readonly #events: WriteEvents
  readonly #window: SendWindow
  readonly #queue = new Queue<Outgoing>()
  #queuedBytes = 0
  #pausedWriting = false
  #state: "open" | "closing" | "dead" = "open"

  constructor(id: number, link: Link, writeWindowBytes: number, events: WriteEvents) {
    this.#id = id
    this.#link = link
    this.#events = events
    this.#window = new SendWindow(writeWindowBytes)
  }

  /** What was sent and not yet handed to the system: the bytes of each datagram and its overhead. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#window.outstanding
  }

  /** Takes a copy of `data`: the caller may reuse it. After the end: dropped. */
  send(data: Uint8Array, addr: DatagramAddress | null): void {
    if (this.#state !== "open") return
    const bytes = data.byteLength + DATAGRAM_OVERHEAD_BYTES
    // Past the queue, and not copied, where nothing waits.
    if (this.#queue.length === 0 && bytes <= this.#window.available) this.#say(data, addr)
    else {
      this.#queue.push({ data: Buffer.from(data), addr })
      this.#queuedBytes += bytes
    }
    this.#checkMarks()
  }

  /** The daemon handed all up to `offset` to the system. */
  flushed(offset: number): void {
    this.#window.acknowledge(offset)
    this.#proceed()
    this.#checkMarks()
  }

  /** Nothing is sent behind this; the daemon closes once all is out. */
  close(): void {
    this.#state = "closing"
    this.#proceed()
  }

  /** Drops what is not with the daemon yet. */
  drop(): void {
    this.#state = "dead"
    this.#queue.clear()
    this.#queuedBytes = 0
    // No `resumeWriting` for what is gone: `connectionLost` comes next (asyncio).
    this.#pausedWriting = false
    this.#window.acknowledge(this.#window.sent)
  }

  setMarks(highBytes?: number, lowBytes?: number): void {
    this.marks.set(highBytes, lowBytes)
    this.#checkMarks()
  }

  #proceed(): void {
    for (let head = this.#queue.first; head !== undefined; head = this.#queue.first) {
      const bytes = head.data.length + DATAGRAM_OVERHEAD_BYTES
      if (bytes > this.#window.available) return
      this.#queue.shift()
      this.#queuedBytes -= bytes
      this.#say(head.data, head.addr)
    }
    if (this.#state !== "closing") return
    this.#state = "dead"
    this.#link.notify("transport/close", { transport: this.#id })
  }

  #say(data: Uint8Array, addr: DatagramAddress | null): void {
    this.#window.send(data.byteLength + DATAGRAM_OVERHEAD_BYTES)
    const transport = this.#id
    this.#link.notify("transport/sendto", addr === null ? { transport, data } : { transport, data, addr })
  }

  #checkMarks(): void {
    const bytes = this.bufferedBytes
    if (!this.#pausedWriting && this.marks.isOver(bytes)) this.#call("pauseWriting", true)
    else if (this.#pausedWriting && this.marks.isDrained(bytes)) this.#call("resumeWriting", false)
  }

  #call(callback: keyof WriteEvents, paused: boolean): void {
    // The flag first: the callback may send.
    this.#pausedWriting = paused
    try {
      this.#events[callback]()
    } catch (error) {
      this.#link.report(error, callback)
    }
  }
}
