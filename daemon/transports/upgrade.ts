/**
 * Stands for a transport while it changes from plain to TLS: keeps what is written until the session is there, so that
 * nothing can go out in between. Knows nothing of handshakes: somebody brings the session, or the reason why there is none.
 *
 *     waiting ──secured()──▶ the session's own life
 *        └──failed(), abort()──▶ lost
 */
import type { StreamEvents, StreamTransport } from "./transport.ts"

export class UpgradingStream implements StreamTransport {
  readonly readable = true
  readonly writable = true
  readonly canWriteEof = false
  readonly wroteEof = false
  readonly #events: StreamEvents
  readonly #abort = new AbortController()
  #session: StreamTransport | null = null
  #queue: Uint8Array[] = []
  #reading = false
  #state: "waiting" | "closing" | "lost" = "waiting"

  constructor(events: StreamEvents) {
    this.#events = events
  }

  /** Aborted when nobody wants the session any more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isClosing(): boolean {
    return this.#session?.isClosing ?? this.#state !== "waiting"
  }

  resumeReading(): void {
    this.#reading = true
    this.#session?.resumeReading()
  }

  pauseReading(): void {
    this.#reading = false
    this.#session?.pauseReading()
  }

  write(chunk: Uint8Array): void {
    if (this.#session !== null) this.#session.write(chunk)
    else if (this.#state === "waiting") this.#queue.push(Buffer.from(chunk))
  }

  writeEof(): void {}

  /** Before there is a session: ends it once it is there and has taken what was written. */
  close(): void {
    if (this.#session !== null) this.#session.close()
    else if (this.#state === "waiting") this.#state = "closing"
  }

  abort(): void {
    if (this.#session !== null) return this.#session.abort()
    this.#abort.abort()
    process.nextTick(() => this.failed(null))
  }

  /** The session is there: what was written goes out, in order. */
  secured(session: StreamTransport): void {
    this.#session = session
    for (const chunk of this.#queue.splice(0)) session.write(chunk)
    if (this.#state === "lost") session.abort()
    else if (this.#state === "closing") session.close()
    else if (this.#reading) session.resumeReading()
  }

  /** There will be no session. What was written is dropped. Again, and once there is one: no effect. */
  failed(error: Error | null): void {
    if (this.#session !== null || this.#state === "lost") return
    this.#state = "lost"
    this.#queue = []
    this.#events.lost(error)
  }
}
