/**
 * The writing half of a transport: asyncio's write buffer, counted at this end so that `pauseWriting` can come inside
 * `write()`. At most a window of bytes is with the daemon and not flushed; the rest waits here.
 */
import { CHUNK_BYTES } from "../protocol/limits.ts"
import { rpcError, type RpcError } from "../protocol/errors.ts"
import { Queue } from "../protocol/queue.ts"
import { WaterMarks } from "../protocol/waterMarks.ts"
import { SendWindow } from "../protocol/window.ts"
import type { Link } from "./link.ts"

export interface WriteEvents {
  pauseWriting(): void
  resumeWriting(): void
}

/** Where the way to the remote stands: bytes from clients, and how many of them the system has. */
export interface Written {
  readonly written: number
  readonly flushed: number
}

export class WriteSide {
  readonly marks: WaterMarks
  readonly #id: number
  readonly #link: Link
  readonly #events: WriteEvents
  readonly #window: SendWindow
  /** The offset of the first byte that was written here. */
  readonly #begin: number
  /** What waits for room in the window, and what is to be said between. */
  #queue = new Queue<Buffer | (() => void)>()
  /**
   * With the daemon and not flushed, where the link comes back: sent again after a break, as far as the daemon does not
   * have it.
   */
  readonly #unflushed = new Queue<Buffer>()
  #queuedBytes = 0
  #pausedWriting = false
  #lentTo: "sendfile" | "splice" | null = null
  #suspended = false
  #state: "open" | "ended" | "dead" = "open"
  /** Whether the user has closed it. */
  #isClosed = false
  /** Who waits for room. */
  #waiting: Array<{ readonly bytes: number; resolve(): void; reject(error: Error): void }> = []
  /** What is said once everything is with the daemon: end of file, close. */
  #last: Array<"transport/writeEof" | "transport/close"> = []
  #said: Array<"transport/writeEof" | "transport/close"> = []

  /** With what others wrote before: it takes its room in the window until it is flushed. */
  constructor(
    id: number,
    link: Link,
    { kind, writeWindowBytes }: { readonly kind: string; readonly writeWindowBytes: number },
    events: WriteEvents,
    { written = 0, flushed = written }: Partial<Written> = {},
  ) {
    this.marks = WaterMarks.of(kind)
    this.#id = id
    this.#link = link
    this.#events = events
    this.#begin = written
    this.#window = new SendWindow(writeWindowBytes, written, flushed)
  }

  /** Bytes written and not yet handed to the system. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#window.outstanding
  }

  /** What writes in the user's place: meanwhile the user cannot. */
  get lentTo(): "sendfile" | "splice" | null {
    return this.#lentTo
  }

  /** Throws TransportBusy when it is lent already, TransportClosed when nothing can be written any more. */
  lend(operation: "sendfile" | "splice"): void {
    this.#checkFree()
    if (this.#state !== "open") {
      throw rpcError("TransportClosed", `transport ${this.#id} is closing`, { transport: this.#id })
    }
    this.#lentTo = operation
  }

  /** What it was lent to has ended it. */
  ended(): void {
    this.#lentTo = null
    if (this.#state === "open") this.#state = "ended"
  }

  giveBack(): void {
    this.#lentTo = null
  }

  /** Takes a copy of `data`: the caller may reuse it. After the end: dropped. */
  write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError(`write() takes a Uint8Array, not ${typeof data}`)
    if (this.#state !== "dead") this.#checkFree()
    this.put(data)
  }

  /** As {@link write}, for whom it is lent to. */
  put(data: Uint8Array): void {
    if (this.#state === "ended")
      throw rpcError("TransportClosed", "cannot write after writeEof()", { transport: this.#id })
    if (this.#state === "dead" || data.byteLength === 0) return
    // What may have to be sent again is kept as it was; all else leaves from the memory that it is in.
    const own = this.#link.comesBack ? Buffer.from(data) : data
    const isNext = this.#queue.length === 0 && !this.#suspended
    const sentBytes = isNext ? this.#pass(own) : 0
    if (sentBytes < own.byteLength) {
      this.#queue.push(
        this.#link.comesBack ? (own.subarray(sentBytes) as Buffer) : Buffer.from(own.subarray(sentBytes)),
      )
      this.#queuedBytes += own.byteLength - sentBytes
    }
    this.#checkMarks()
  }

  /**
   * Resolves when at most `bytes` are buffered: by default what the low water mark allows. Rejects with TransportClosed
   * or TransportBroken when that will not be.
   */
  room(bytes = this.marks.lowBytes): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject })
      this.#tellWaiting()
    })
  }

  /** Runs `action` when all that was written before is with the daemon, and before anything that is written behind it. */
  between(action: () => void): void {
    this.#queue.push(action)
    this.#send()
  }

  /** The daemon handed all up to `offset` to the system. */
  flushed(offset: number): void {
    this.#acknowledge(offset)
    this.#send()
    this.#checkMarks()
    this.#tellWaiting()
  }

  /** The connection is broken: what is written waits here until {@link resume}. */
  suspend(): void {
    this.#suspended = true
  }

  /** After a break: the daemon has taken all up to `written`, and handed all up to `flushed` to the system. */
  resume(written: number, flushed: number): void {
    this.#suspended = false
    this.#acknowledge(flushed)
    let offset = this.#ownAcknowledged
    for (const data of this.#unflushed) {
      if (offset + data.length > written) this.#link.notify("transport/write", { transport: this.#id, data, offset })
      offset += data.length
    }
    if (this.#queue.length === 0) for (const name of this.#said) this.#link.notify(name, { transport: this.#id })
    this.flushed(flushed)
  }

  /** Nothing is written behind this; the remote sees the end of file once all is out. Again: no effect. */
  writeEof(): void {
    if (this.#state !== "open") return
    this.#checkFree()
    this.#state = "ended"
    this.#finish("transport/writeEof")
  }

  /** Nothing is written behind this; the daemon closes once all is out. */
  close(): void {
    this.#state = "dead"
    this.#isClosed = true
    this.#tellWaiting()
    this.#finish("transport/close")
  }

  /** Drops what is not with the daemon yet. */
  drop(): void {
    this.#state = "dead"
    const queue = this.#queue
    this.#queue = new Queue()
    // Who waits to say something hears from the daemon that it is too late.
    for (const each of queue) if (typeof each === "function") each()
    this.#unflushed.clear()
    this.#queuedBytes = 0
    this.#last = []
    // No `resumeWriting` for what is gone: `connectionLost` comes next (asyncio).
    this.#pausedWriting = false
    this.#window.acknowledge(this.#window.sent)
    this.#tellWaiting()
  }

  setMarks(highBytes?: number, lowBytes?: number): void {
    this.marks.set(highBytes, lowBytes)
    this.#checkMarks()
  }

  #tellWaiting(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting.splice(0)
    for (const each of waiting) {
      if (this.#state === "dead") each.reject(this.#whyDead())
      else if (this.bufferedBytes <= each.bytes) each.resolve()
      else this.#waiting.push(each)
    }
  }

  #whyDead(): RpcError {
    const transport = this.#id
    if (this.#isClosed) return rpcError("TransportClosed", `transport ${transport} is closed`, { transport })
    return rpcError("TransportBroken", `transport ${transport} was lost while it was written to`, { transport })
  }

  #checkFree(): void {
    const operation = this.#lentTo
    if (operation !== null) throw rpcError("TransportBusy", `${operation} is in progress`, { operation })
  }

  #finish(name: "transport/writeEof" | "transport/close"): void {
    this.#last.push(name)
    this.#send()
  }

  #send(): void {
    if (this.#suspended) return
    for (let head = this.#queue.first; head !== undefined; head = this.#queue.first) {
      if (typeof head === "function") {
        this.#queue.shift()
        head()
        continue
      }
      const bytes = this.#pass(head)
      if (bytes === 0) break
      this.#queue.shift()
      if (bytes < head.length) this.#queue.unshift(head.subarray(bytes))
      this.#queuedBytes -= bytes
    }
    if (this.#queue.length > 0) return
    for (const name of this.#last.splice(0)) {
      this.#said.push(name)
      this.#link.notify(name, { transport: this.#id })
    }
  }

  /** Sends the beginning of `data`, as much as the window has room for. @returns how much that was. */
  #pass(data: Uint8Array): number {
    let sent = 0
    while (sent < data.byteLength && this.#window.available > 0) {
      const bytes = Math.min(data.byteLength - sent, this.#window.available, CHUNK_BYTES)
      const piece = bytes === data.byteLength ? data : data.subarray(sent, sent + bytes)
      this.#window.send(bytes)
      if (this.#link.comesBack) this.#unflushed.push(piece as Buffer)
      this.#link.notify("transport/write", { transport: this.#id, data: piece })
      sent += bytes
    }
    return sent
  }

  /** What others wrote is not ours to send again. */
  get #ownAcknowledged(): number {
    return Math.max(this.#window.acknowledged, this.#begin)
  }

  #acknowledge(offset: number): void {
    const before = this.#ownAcknowledged
    this.#window.acknowledge(offset)
    let bytes = this.#ownAcknowledged - before
    for (let head = this.#unflushed.first; head !== undefined && bytes > 0; head = this.#unflushed.first) {
      this.#unflushed.shift()
      if (head.length > bytes) this.#unflushed.unshift(head.subarray(bytes))
      bytes -= head.length
    }
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
