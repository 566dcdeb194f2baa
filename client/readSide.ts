/**
 * The reading half of a transport: hands bytes to the protocol, holds them back while it is paused, and reports what
 * was consumed. End and loss wait behind bytes that are held.
 */
import { LIBRARY_READ_WINDOW_BYTES, LIBRARY_REPORT_BYTES } from "../protocol/limits.ts"
import { Queue } from "../protocol/queue.ts"
import { Consumption } from "../protocol/window.ts"
import type { Link } from "./link.ts"

/** What a read side wants of the daemon: among the options of whatever is opened, and when something is attached. */
export const READING = { readWindowBytes: LIBRARY_READ_WINDOW_BYTES } as const

export class ReadSide {
  readonly #id: number
  readonly #link: Link
  readonly #consumption: Consumption
  /** Takes a chunk, which is lent, or the beginning of it: the number of bytes taken. May pause or stop; must not throw. */
  readonly #take: (chunk: Buffer) => number
  readonly #held = new Queue<Buffer>()
  #tail: Array<() => void> = []
  #paused = false
  #stopped = false
  #draining = false
  #position: number

  /** @param offset where the daemon's delivery starts. */
  constructor(id: number, link: Link, take: (chunk: Buffer) => number, offset = 0) {
    this.#id = id
    this.#link = link
    this.#take = take
    this.#position = offset
    this.#consumption = new Consumption(LIBRARY_REPORT_BYTES, offset)
  }

  /** One past the last byte that came: where delivery goes on after a break. */
  get position(): number {
    return this.#position
  }

  /** Whether bytes wait that the protocol was not given. */
  get isHolding(): boolean {
    return this.#held.length > 0
  }

  /** Whether the user has paused it. */
  get isPaused(): boolean {
    return this.#paused
  }

  get isReading(): boolean {
    return !this.#paused && !this.#stopped
  }

  /** Bytes came from the daemon; they are lent. */
  data(chunk: Buffer): void {
    if (this.#stopped) return
    this.#position += chunk.length
    if (this.#paused || this.#draining || this.#held.length > 0) this.#held.push(this.#link.own(chunk))
    else this.#deliver(chunk)
  }

  /** The daemon dropped all up to `offset` before we could have it. */
  skipTo(offset: number): void {
    const due = this.#consumption.consume(offset - this.#position)
    this.#position = offset
    if (due !== null) this.#link.notify("transport/consumed", { transport: this.#id, offset: due })
  }

  /** Runs `action` behind all bytes that came before it. */
  after(action: () => void): void {
    this.#tail.push(action)
    this.#drain()
  }

  /** Nothing reaches the protocol from now on; what is in flight is held. */
  pause(): void {
    if (!this.isReading) return
    this.#paused = true
    this.#link.notify("transport/pauseReading", { transport: this.#id })
  }

  resume(): void {
    if (!this.#paused || this.#stopped) return
    this.#paused = false
    this.#link.notify("transport/resumeReading", { transport: this.#id })
    // Never from inside the user's call: callbacks come from the loop.
    setImmediate(() => this.#drain())
  }

  /**
   * Gives away what was held: it goes elsewhere, as all does that would have come behind it. The end is still heard,
   * paused or not.
   */
  divert(): Buffer[] {
    const held = [...this.#held]
    this.#held.clear()
    return held
  }

  /** Reports to the byte what the protocol was given: whoever comes next goes on there. */
  settle(): void {
    const heldBytes = [...this.#held].reduce((sum, { length }) => sum + length, 0)
    this.#link.notify("transport/consumed", { transport: this.#id, offset: this.#position - heldBytes })
  }

  /** The connection to the daemon is over: what a paused protocol holds back would be held for ever. */
  cut(): void {
    if (this.#paused) this.stop()
  }

  /** Drops what is held and what comes: the transport is closing. What waits behind it happens. */
  stop(): void {
    this.#stopped = true
    this.#paused = false
    this.#held.clear()
    if (this.#tail.length > 0) setImmediate(() => this.#drain())
  }

  #drain(): void {
    if (this.#draining) return
    this.#draining = true
    while (!this.#paused) {
      const chunk = this.#held.shift()
      if (chunk !== undefined) this.#deliver(chunk)
      else {
        const action = this.#tail.shift()
        if (action === undefined) break
        action()
      }
    }
    this.#draining = false
  }

  #deliver(chunk: Buffer): void {
    const bytes = this.#take(chunk)
    if (bytes < chunk.length && !this.#stopped) this.#held.unshift(this.#link.own(chunk.subarray(bytes)))
    const offset = this.#consumption.consume(bytes)
    if (offset !== null && !this.#stopped) this.#link.notify("transport/consumed", { transport: this.#id, offset })
  }
}
