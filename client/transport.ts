/** asyncio's two-way stream transport, and what it has in common with the others. */
import { rpcError, RpcError } from "../protocol/errors.ts"
import type { DaemonNotificationParams, RequestParams, RequestResult } from "../protocol/registry.ts"
import type { Link } from "./link.ts"
import { isBuffered, type StreamProtocol } from "./protocols.ts"
import { ReadSide } from "./readSide.ts"
import { WriteSide, type Written } from "./writeSide.ts"

export type Extra = DaemonNotificationParams<"protocol/connectionMade">["extra"]

/** What every transport has. Source: asyncio `BaseTransport`. */
export interface BaseTransport {
  /** The daemon's id for it. */
  readonly id: number
  /** Flushes what was written, then ends: `connectionLost(null)` follows. No data follows. Again: no effect. */
  close(): void
  /** True from `close()` or `abort()` on. */
  isClosing(): boolean
  /** What is known under `name` (`peername`, `sockname`, `socket`, …), else `otherwise`. */
  getExtraInfo(name: string, otherwise?: unknown): unknown
}

/** Source: asyncio `ReadTransport`. */
export interface ReadTransport extends BaseTransport {
  isReading(): boolean
  /** No `dataReceived` until `resumeReading()`; in any state, any number of times. */
  pauseReading(): void
  resumeReading(): void
}

/** Source: asyncio `WriteTransport`. */
export interface WriteTransport extends BaseTransport {
  /**
   * Writes a copy of `data`; never waits. Calls `pauseWriting` before it returns when the buffer goes over high.
   * After `close()` and after the end: dropped. Throws TypeError for what is no Uint8Array, and TransportClosed after
   * `writeEof()`.
   */
  write(data: Uint8Array): void
  writelines(pieces: Iterable<Uint8Array>): void
  /** Ends the writing side after flushing; on a pipe that is its close. Again: no effect. */
  writeEof(): void
  canWriteEof(): boolean
  /** Ends at once; what was not flushed is lost. `connectionLost(null)` follows. Again: no effect. */
  abort(): void
  getWriteBufferSize(): number
  getWriteBufferLimits(): { lowBytes: number; highBytes: number }
  /** Throws InvalidParams, and changes nothing, unless high >= low >= 0. */
  setWriteBufferLimits(limits?: { highBytes?: number; lowBytes?: number }): void
}

type State = "open" | "closing" | "lost"

/** What a transport asks for when the connection to the daemon is back, and what it is told. */
export type Resumption = Pick<RequestParams<"transport/attach">, "since" | "paused">
export type Resumed = RequestResult<"transport/attach">

/** What a transport has become. */
type Upgraded = Pick<RequestResult<"loop/startTls">, "kind" | "extra">

/** A two-way stream, such as a TCP connection. Source: asyncio `Transport`. */
export class Transport implements ReadTransport, WriteTransport {
  readonly id: number
  readonly #link: Link
  #kind: string
  #extra: Extra
  readonly #read: ReadSide
  readonly #write: WriteSide
  readonly #forget: () => void
  #protocol: StreamProtocol
  #state: State = "open"
  #aborted = false
  #eofCame = false
  /** What a callback of the protocol threw: then that is why the connection was lost. */
  #thrown: Error | null = null

  constructor(
    link: Link,
    protocol: StreamProtocol,
    made: Pick<
      DaemonNotificationParams<"protocol/connectionMade">,
      "transport" | "kind" | "extra" | "writeWindowBytes"
    >,
    forget: () => void,
    { offset = 0, ...before }: { readonly offset?: number } & Partial<Written> = {},
  ) {
    this.id = made.transport
    this.#link = link
    this.#protocol = protocol
    this.#kind = made.kind
    this.#extra = made.extra
    this.#forget = forget
    this.#read = new ReadSide(this.id, link, (chunk) => this.#take(chunk), offset)
    const events = {
      pauseWriting: () => this.#protocol.pauseWriting?.(),
      resumeWriting: () => this.#protocol.resumeWriting?.(),
    }
    this.#write = new WriteSide(this.id, link, made, events, before)
  }

  getProtocol(): StreamProtocol {
    return this.#protocol
  }

  /** Switches protocols: what comes next, and what is held, goes to the new one. No callback is made for it. */
  setProtocol(protocol: StreamProtocol): void {
    this.#protocol = protocol
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return Object.hasOwn(this.#extra, name) ? this.#extra[name] : otherwise
  }

  isClosing(): boolean {
    return this.#state !== "open"
  }

  isReading(): boolean {
    return this.#read.isReading
  }

  pauseReading(): void {
    this.#read.pause()
  }

  resumeReading(): void {
    this.#read.resume()
  }

  write(data: Uint8Array): void {
    this.#write.write(data)
  }

  writelines(pieces: Iterable<Uint8Array>): void {
    for (const piece of pieces) this.write(piece)
  }

  /** Throws NotSupported on TLS, which ends both ways at once. */
  writeEof(): void {
    if (this.#kind === "pipe") return this.close()
    if (this.canWriteEof()) return this.#write.writeEof()
    const data = { kind: this.#kind, operation: "writeEof" }
    throw rpcError("NotSupported", "TLS ends both ways at once; close it", data)
  }

  canWriteEof(): boolean {
    return this.#kind !== "tls"
  }

  getWriteBufferSize(): number {
    return this.#write.bufferedBytes
  }

  getWriteBufferLimits(): { lowBytes: number; highBytes: number } {
    const { lowBytes, highBytes } = this.#write.marks
    return { lowBytes, highBytes }
  }

  setWriteBufferLimits({ highBytes, lowBytes }: { highBytes?: number; lowBytes?: number } = {}): void {
    this.#write.setMarks(highBytes, lowBytes)
  }

  close(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#read.stop()
    this.#write.close()
  }

  abort(): void {
    if (this.#state === "lost") return
    this.#state = "closing"
    this.#aborted = true
    this.#read.stop()
    this.#write.drop()
    this.#link.notify("transport/abort", { transport: this.id })
  }

  /**
   * Leaves the transport to whoever attaches next, and who goes on right behind what this protocol was given; one with
   * lifetime client ends. What the daemon does not have yet is dropped. `connectionLost(null)` follows. Again, and after
   * `close()`: no effect.
   */
  detach(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#read.settle()
    this.#read.stop()
    this.#write.drop()
    this.#link.notify("transport/detach", { transport: this.id })
    setImmediate(() => this.lost(null))
  }

  /** @internal */
  get reading(): ReadSide {
    return this.#read
  }

  /** @internal */
  get writing(): WriteSide {
    return this.#write
  }

  /** @internal The connection to the daemon is broken, and may come back. */
  suspend(): void {
    this.#write.suspend()
  }

  /** @internal What to ask for after a break: what did not come yet. */
  get resumption(): Resumption {
    return { since: this.#read.position, paused: this.#read.isPaused }
  }

  /** @internal The connection to the daemon is back. */
  resumed({ written, flushed }: Resumed): void {
    if (this.#aborted) this.#link.notify("transport/abort", { transport: this.id })
    else this.#write.resume(written, flushed)
  }

  /**
   * @internal Changes to TLS: `ask` is called between what was written before and what is written behind it.
   * What is held was not under TLS, and must not pass for it.
   */
  async startTls(protocol: StreamProtocol, ask: () => Promise<Upgraded>): Promise<void> {
    if (this.#read.isHolding) {
      this.abort()
      throw rpcError("TlsHandshakeFailed", "the remote sent plain text behind which TLS was to begin", {
        reason: "PLAIN_TEXT",
      })
    }
    this.setProtocol(protocol)
    const { kind, extra } = await new Promise<Upgraded>((resolve, reject) =>
      this.#write.between(() => void ask().then(resolve, reject)),
    )
    this.#kind = kind
    this.#extra = extra
    this.#write.marks.become(kind)
    this.#read.resume()
  }

  /** @internal */
  bytesLost(from: number, to: number): void {
    this.#read.skipTo(to)
    this.#report("bytesLost", () => this.#protocol.bytesLost?.(from, to))
  }

  /** @internal The daemon says `connectionMade`. */
  made(): void {
    this.#report("connectionMade", () => this.#protocol.connectionMade?.(this))
  }

  /** @internal */
  data(chunk: Buffer): void {
    this.#read.data(chunk)
  }

  /** @internal */
  eof(): void {
    // Said once more after a break.
    if (this.#eofCame) return
    this.#eofCame = true
    this.#read.after(() => {
      if (this.#state !== "open") return
      const keep = this.#guard(() => this.#protocol.eofReceived?.())
      // What writes in our place has more to say; the daemon closes behind it.
      if (this.#write.lentTo !== null) return
      if (!keep || !this.canWriteEof()) this.close()
    })
  }

  /** @internal */
  flushed(offset: number): void {
    this.#write.flushed(offset)
  }

  /** @internal The connection to the daemon is over. */
  cut(error: Error): void {
    this.#read.cut()
    this.lost(error)
  }

  /** @internal */
  lost(error: Error | null): void {
    // A pause holds back what is read; a write that failed ends the transport at once (asyncio).
    if (error instanceof RpcError && error.data.syscall === "write") this.#read.cut()
    this.#read.after(() => {
      // Once more, where a detach met the loss on its way.
      if (this.#state === "lost") return
      this.#state = "lost"
      this.#read.stop()
      this.#write.drop()
      this.#forget()
      this.#report("connectionLost", () => this.#protocol.connectionLost?.(this.#thrown ?? error))
    })
  }

  /** The number of bytes that the protocol took. */
  #take(chunk: Buffer): number {
    const protocol = this.#protocol
    if (isBuffered(protocol)) return this.#fill(chunk)
    this.#guard(() => protocol.dataReceived?.(this.#link.own(chunk)))
    return chunk.length
  }

  /** Between two pieces the protocol may have closed or paused, or be another one. */
  #fill(chunk: Buffer): number {
    let rest = chunk
    while (rest.length > 0 && this.#read.isReading) {
      const protocol = this.#protocol
      if (!isBuffered(protocol)) return chunk.length - rest.length + this.#take(rest)
      const taken = this.#guard(() => {
        const buffer = protocol.getBuffer(rest.length)
        if (!(buffer instanceof Uint8Array)) throw new TypeError("getBuffer() must return a Uint8Array")
        if (buffer.byteLength === 0) throw new RangeError("getBuffer() returned an empty buffer")
        const bytes = Math.min(buffer.byteLength, rest.length)
        buffer.set(rest.subarray(0, bytes))
        protocol.bufferUpdated(bytes)
        return bytes
      })
      rest = rest.subarray(taken ?? rest.length)
    }
    return chunk.length - rest.length
  }

  /** A data callback that throws ends the transport, which is then lost for that reason (asyncio's fatal error). */
  #guard<Result>(callback: () => Result): Result | undefined {
    try {
      return callback()
    } catch (error) {
      this.#thrown = error instanceof Error ? error : new Error(String(error))
      this.#link.report(error, "a data callback")
      this.abort()
      return undefined
    }
  }

  #report(where: string, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#link.report(error, where)
    }
  }
}
