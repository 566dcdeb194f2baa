/** Clients to a stream: what `Intake` counts, and the bytes themselves, each accepted once and sent in its turn. */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { WaterMarks } from "../../protocol/waterMarks.ts"
import type { StreamTransport } from "../transports/transport.ts"
import { Intake } from "./intake.ts"

/** What writes in the client's place for a while: a file, another transport. */
export interface Feeder {
  readonly operation: "sendfile" | "splice"
  /** The system took something: there may be room. */
  drained(): void
  /** The stream is over. */
  lost(error: RpcError): void
}

export class Inlet extends Intake {
  readonly #stream: () => StreamTransport
  readonly #freed: () => void
  #feeder: Feeder | null = null
  #isReturned = false
  /** Of the feeder: handed to the stream and not yet to the system. */
  #fedBytes = 0
  #movedBytes = 0
  /** What clients asked for meanwhile. */
  #waiting: Array<() => void> = []
  #waitingBytes = 0

  /**
   * @param stream where bytes go: asked each time, for it may be exchanged under an open transport.
   * @param freed called when a feeder has given it back and all of it is out.
   */
  constructor(stream: () => StreamTransport, marks: WaterMarks, freed: () => void) {
    super(marks)
    this.#stream = stream
    this.#freed = freed
  }

  /** What writes in the client's place now. */
  get feeder(): Feeder | null {
    return this.#feeder
  }

  /** Bytes with the stream that the system did not take yet, whoever they came from. */
  get handedBytes(): number {
    return this.bufferedBytes - this.#waitingBytes + this.#fedBytes
  }

  /** Bytes that feeders have brought, and the system took. */
  get movedBytes(): number {
    return this.#movedBytes
  }

  /**
   * Takes a copy of bytes from the client. With `offset`, what was taken before is skipped; a gap is InvalidParams.
   * Throws WindowExceeded as {@link Intake.take} does.
   */
  write(data: Uint8Array, offset = this.written): void {
    if (offset > this.written) {
      throw rpcError("InvalidParams", `offset ${offset} leaves a gap: ${this.written} bytes were written so far`)
    }
    const fresh = data.subarray(this.written - offset)
    if (fresh.byteLength === 0) return
    this.take(fresh.byteLength)
    if (this.#feeder === null) return this.#stream().write(fresh)
    const own = Buffer.from(fresh)
    this.#waitingBytes += own.byteLength
    this.#waiting.push(() => this.#stream().write(own))
  }

  /** Ends the writing side, in its turn. */
  writeEof(): void {
    if (this.#feeder === null) this.#stream().writeEof()
    else this.#waiting.push(() => this.#stream().writeEof())
  }

  /** From now on `feeder` writes, behind what clients wrote before; what they write from now on waits. */
  lend(feeder: Feeder): void {
    this.#feeder = feeder
  }

  /** Takes bytes from the feeder; it looks at {@link handedBytes} before it brings more. */
  feed(data: Uint8Array): void {
    this.#fedBytes += data.byteLength
    this.#stream().write(data)
  }

  /** The feeder has no more: what waited follows once all of it is out. */
  giveBack(): void {
    this.#isReturned = true
    this.#goOn()
  }

  override flushed(bytes: number): void {
    const feeder = this.#feeder
    if (feeder === null) return super.flushed(bytes)
    // In the order in which they were handed to the stream: the feeder's stand behind what was there before.
    const before = Math.min(bytes, this.bufferedBytes - this.#waitingBytes)
    if (before > 0) super.flushed(before)
    this.#fedBytes -= bytes - before
    this.#movedBytes += bytes - before
    feeder.drained()
    this.#goOn()
  }

  override lost(error: RpcError): void {
    super.lost(error)
    const feeder = this.#feeder
    this.#feeder = null
    this.#waiting = []
    feeder?.lost(error)
  }

  #goOn(): void {
    if (!this.#isReturned || this.#fedBytes > 0) return
    this.#isReturned = false
    this.#feeder = null
    this.#waitingBytes = 0
    for (const act of this.#waiting.splice(0)) act()
    this.#freed()
  }
}
