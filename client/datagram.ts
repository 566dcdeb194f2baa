/** asyncio's datagram transport: whole datagrams to and from any number of remotes. */
import { type RpcError, rpcError } from "../protocol/errors.ts"
import { MAX_DATAGRAM_BYTES, READ_WINDOW_BYTES } from "../protocol/limits.ts"
import { Queue } from "../protocol/queue.ts"
import type { DaemonNotificationParams } from "../protocol/registry.ts"
import { Consumption } from "../protocol/window.ts"
import type { Link } from "./link.ts"
import type { DatagramProtocol } from "./protocols.ts"
import { SendSide } from "./sendSide.ts"
import type { BaseTransport, Extra } from "./transport.ts"

type Made = Pick<DaemonNotificationParams<"protocol/connectionMade">, "transport" | "extra" | "writeWindowBytes">

/** Where a datagram goes. */
export interface DatagramAddress {
  readonly host: string
  readonly port: number
}

/** Where a datagram came from; `sendto()` takes it as it is. */
export type SenderAddress = DaemonNotificationParams<"protocol/datagramReceived">["addr"]

/** What comes in order: a datagram, or how many are missing here. */
type Incoming = { readonly data: Buffer; readonly addr: SenderAddress } | number

/** Source: asyncio `DatagramTransport`. */
export class DatagramTransport implements BaseTransport {
  readonly id: number
  readonly #link: Link
  readonly #extra: Extra
  readonly #hasRemote: boolean
  readonly #forget: () => void
  readonly #send: SendSide
  readonly #consumption = new Consumption(READ_WINDOW_BYTES / 2)
  #protocol: DatagramProtocol
  readonly #held = new Queue<Incoming>()
  #paused = false
  #state: "open" | "closing" | "lost" = "open"

  /** @param hasRemote whether it sends to one address only. */
  constructor(link: Link, protocol: DatagramProtocol, made: Made, hasRemote: boolean, forget: () => void) {
    this.id = made.transport
    this.#link = link
    this.#protocol = protocol
    this.#extra = made.extra
    this.#hasRemote = hasRemote
    this.#forget = forget
    this.#send = new SendSide(this.id, link, made.writeWindowBytes, {
      pauseWriting: () => this.#protocol.pauseWriting?.(),
      resumeWriting: () => this.#protocol.resumeWriting?.(),
    })
  }

  /**
   * Sends a copy of `data` as one datagram, an empty one too; never waits. Calls `pauseWriting` before it returns when
   * the buffer goes over high. What cannot be sent is told by `errorReceived`; the transport stays.
   * @param addr absent: the remote that the endpoint was made for; where there is one, nothing else is allowed.
   * Throws TypeError for what is no Uint8Array, InvalidParams without an address, or with another than the remote's.
   * After `close()`, `abort()` and the end: dropped. Source: asyncio `DatagramTransport.sendto`.
   */
  sendto(data: Uint8Array, addr: DatagramAddress | null = null): void {
    if (!(data instanceof Uint8Array)) throw new TypeError(`sendto() takes a Uint8Array, not ${typeof data}`)
    this.#checkAddress(addr)
    if (this.#state !== "open") return
    if (data.byteLength <= MAX_DATAGRAM_BYTES) this.#send.send(data, addr)
    else setImmediate(() => this.error(tooLong(data.byteLength)))
  }

  /** Sends what was taken, then ends: `connectionLost(null)` follows. Nothing is heard any more. Again: no effect. */
  close(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#held.clear()
    this.#send.close()
  }

  /** Ends at once; what was not sent is dropped. `connectionLost(null)` follows. Again: no effect. */
  abort(): void {
    if (this.#state === "lost") return
    this.#state = "closing"
    this.#held.clear()
    this.#send.drop()
    this.#link.notify("transport/abort", { transport: this.id })
  }

  isClosing(): boolean {
    return this.#state !== "open"
  }

  getProtocol(): DatagramProtocol {
    return this.#protocol
  }

  setProtocol(protocol: DatagramProtocol): void {
    this.#protocol = protocol
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return Object.hasOwn(this.#extra, name) ? this.#extra[name] : otherwise
  }

  isReading(): boolean {
    return !this.#paused && this.#state === "open"
  }

  /** Nothing is heard until `resumeReading()`: what comes is kept up to a window, the rest is lost and counted. */
  pauseReading(): void {
    if (!this.isReading()) return
    this.#paused = true
    this.#link.notify("transport/pauseReading", { transport: this.id })
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#state === "open") this.#link.notify("transport/resumeReading", { transport: this.id })
    // Never from inside the user's call: callbacks come from the loop.
    setImmediate(() => this.#drain())
  }

  getWriteBufferSize(): number {
    return this.#send.bufferedBytes
  }

  getWriteBufferLimits(): { lowBytes: number; highBytes: number } {
    const { lowBytes, highBytes } = this.#send.marks
    return { lowBytes, highBytes }
  }

  /** Throws InvalidParams, and changes nothing, unless high >= low >= 0. */
  setWriteBufferLimits({ highBytes, lowBytes }: { highBytes?: number; lowBytes?: number } = {}): void {
    this.#send.setMarks(highBytes, lowBytes)
  }

  /** @internal The daemon says `connectionMade`. */
  made(): void {
    this.#call("connectionMade", () => this.#protocol.connectionMade?.(this))
  }

  /** @internal */
  datagram(data: Buffer, addr: SenderAddress): void {
    this.#take({ data: this.#link.own(data), addr })
  }

  /** @internal */
  missing(count: number): void {
    this.#take(count)
  }

  /** @internal */
  error(error: Error): void {
    if (this.#state !== "lost") this.#call("errorReceived", () => this.#protocol.errorReceived?.(error))
  }

  /** @internal */
  flushed(offset: number): void {
    this.#send.flushed(offset)
  }

  /** @internal */
  lost(error: Error | null): void {
    this.#state = "lost"
    this.#held.clear()
    this.#send.drop()
    this.#forget()
    this.#call("connectionLost", () => this.#protocol.connectionLost?.(error))
  }

  #checkAddress(addr: DatagramAddress | null): void {
    if (addr === null && !this.#hasRemote) {
      throw rpcError("InvalidParams", "this endpoint has no remoteAddr: give an address")
    }
    const peer = this.#extra.peername as SenderAddress | null | undefined
    if (addr === null || !peer || (addr.host === peer.host && addr.port === peer.port)) return
    throw rpcError("InvalidParams", `this endpoint sends to ${peer.host}:${peer.port} only: give that address or none`)
  }

  #take(incoming: Incoming): void {
    if (this.#state !== "open") return
    if (this.#paused || this.#held.length > 0) this.#held.push(incoming)
    else this.#deliver(incoming)
  }

  #drain(): void {
    while (!this.#paused) {
      const next = this.#held.shift()
      if (next === undefined) return
      this.#deliver(next)
    }
  }

  #deliver(incoming: Incoming): void {
    if (typeof incoming === "number") {
      return this.#call("datagramsLost", () => this.#protocol.datagramsLost?.(incoming))
    }
    const { data, addr } = incoming
    this.#call("datagramReceived", () => this.#protocol.datagramReceived?.(data, addr))
    const offset = this.#consumption.consume(data.length)
    if (offset !== null && this.#state === "open") {
      this.#link.notify("transport/consumed", { transport: this.id, offset })
    }
  }

  /** A callback that throws is reported, and the transport stays (asyncio). */
  #call(name: keyof DatagramProtocol, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#link.report(error, name)
    }
  }
}

function tooLong(bytes: number): RpcError {
  const message = `sendto: EMSGSIZE: ${bytes} bytes are more than any datagram has`
  return rpcError("OsFailure", message, { errno: "EMSGSIZE", syscall: "sendto" })
}
