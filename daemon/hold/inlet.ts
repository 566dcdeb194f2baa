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

/** Where bytes go. */
export interface Drain {
  /** Asked each time: it may be exchanged under an open transport. */
  readonly stream: StreamTransport
  /** A feeder has given it back, and all of it is out. */
  freed(): void
}

/** What is counted and kept while a feeder writes. */
interface Loan {
  readonly feeder: Feeder
  isReturned: boolean
  /** Of the feeder: handed to the stream and not yet to the system. */
  fedBytes: number
  /** What clients asked for meanwhile. */
  readonly waiting: Array<() => void>
  waitingBytes: number
}

export class Inlet extends Intake {
  readonly #drain: Drain
  #loan: Loan | null = null
  #movedBytes = 0

  constructor(drain: Drain, marks: WaterMarks) {
    super(marks)
    this.#drain = drain
  }

  /** What writes in the client's place now. */
  get feeder(): Feeder | null {
    return this.#loan?.feeder ?? null
  }

  /** Bytes with the stream that the system did not take yet, whoever they came from. */
  get handedBytes(): number {
    const loan = this.#loan
    return loan === null ? this.bufferedBytes : this.bufferedBytes - loan.waitingBytes + loan.fedBytes
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
    const loan = this.#loan
    if (loan === null) return this.#drain.stream.write(fresh)
    const own = Buffer.from(fresh)
    loan.waitingBytes += own.byteLength
    loan.waiting.push(() => this.#drain.stream.write(own))
  }

  /** Ends the writing side, in its turn. */
  writeEof(): void {
    if (this.#loan === null) this.#drain.stream.writeEof()
    else this.#loan.waiting.push(() => this.#drain.stream.writeEof())
  }

  /** From now on `feeder` writes, behind what clients wrote before; what they write from now on waits. */
  lend(feeder: Feeder): void {
    this.#loan = { feeder, isReturned: false, fedBytes: 0, waiting: [], waitingBytes: 0 }
  }

  /** Takes bytes from the feeder; it looks at {@link handedBytes} before it brings more. */
  feed(data: Uint8Array): void {
    if (this.#loan !== null) this.#loan.fedBytes += data.byteLength
    this.#drain.stream.write(data)
  }

  /** The feeder has no more: what waited follows once all of it is out. */
  giveBack(): void {
    if (this.#loan !== null) this.#loan.isReturned = true
    this.#goOn()
  }

  override flushed(bytes: number): void {
    const loan = this.#loan
    if (loan === null) return super.flushed(bytes)
    // In the order in which they were handed to the stream: the feeder's stand behind what was there before.
    const before = Math.min(bytes, this.bufferedBytes - loan.waitingBytes)
    if (before > 0) super.flushed(before)
    loan.fedBytes -= bytes - before
    this.#movedBytes += bytes - before
    loan.feeder.drained()
    this.#goOn()
  }

  override lost(error: RpcError): void {
    super.lost(error)
    const loan = this.#loan
    this.#loan = null
    loan?.feeder.lost(error)
  }

  #goOn(): void {
    const loan = this.#loan
    if (loan === null || !loan.isReturned || loan.fedBytes > 0) return
    this.#loan = null
    for (const act of loan.waiting) act()
    this.#drain.freed()
  }
}
