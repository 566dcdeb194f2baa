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
  /** A feeder has given it back. */
  freed(): void
}

/** What is kept while a feeder writes. */
interface Loan {
  readonly feeder: Feeder
  /** What clients asked for meanwhile. */
  readonly waiting: Array<() => void>
  waitingBytes: number
}

/** Bytes in a row that came from feeders, or that came from clients. */
interface Stretch {
  readonly isFed: boolean
  bytes: number
}

export class Inlet extends Intake {
  readonly #drain: Drain
  #loan: Loan | null = null
  /** What is with the stream and not with the system, in its order; empty while all of that came from clients. */
  #stretches: Stretch[] = []
  #broughtBytes = 0
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
    return this.#clientsBytes + this.#broughtBytes - this.#movedBytes
  }

  /** Bytes that feeders have brought. */
  get broughtBytes(): number {
    return this.#broughtBytes
  }

  /** Of these, handed to the system. */
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
    if (loan === null) return this.#hand(fresh)
    const own = Buffer.from(fresh)
    loan.waitingBytes += own.byteLength
    loan.waiting.push(() => this.#hand(own))
  }

  /** Ends the writing side, in its turn. */
  writeEof(): void {
    if (this.#loan === null) this.#drain.stream.writeEof()
    else this.#loan.waiting.push(() => this.#drain.stream.writeEof())
  }

  /** From now on `feeder` writes, behind what clients wrote before; what they write from now on waits. */
  lend(feeder: Feeder): void {
    this.#loan = { feeder, waiting: [], waitingBytes: 0 }
  }

  /** Takes bytes from the feeder; it looks at {@link handedBytes} before it brings more. */
  feed(data: Uint8Array): void {
    if (this.#stretches.length === 0) this.#stretches.push({ isFed: false, bytes: this.#clientsBytes })
    this.#count(true, data.byteLength)
    this.#broughtBytes += data.byteLength
    this.#drain.stream.write(data)
  }

  /** The feeder has no more: what waited follows. */
  giveBack(): void {
    const loan = this.#loan
    if (loan === null) return
    this.#loan = null
    for (const act of loan.waiting) act()
    this.#drain.freed()
  }

  override flushed(bytes: number): void {
    const movedBytes = this.#stretches.length === 0 ? 0 : this.#uncount(bytes)
    this.#movedBytes += movedBytes
    if (bytes > movedBytes) super.flushed(bytes - movedBytes)
    this.#loan?.feeder.drained()
  }

  override lost(error: RpcError): void {
    super.lost(error)
    const loan = this.#loan
    this.#loan = null
    loan?.feeder.lost(error)
  }

  /** Of what is with the stream and not with the system: what came from clients. */
  get #clientsBytes(): number {
    return this.bufferedBytes - (this.#loan?.waitingBytes ?? 0)
  }

  #hand(data: Uint8Array): void {
    if (this.#stretches.length > 0) this.#count(false, data.byteLength)
    this.#drain.stream.write(data)
  }

  #count(isFed: boolean, bytes: number): void {
    const last = this.#stretches.at(-1)
    if (last?.isFed === isFed) last.bytes += bytes
    else this.#stretches.push({ isFed, bytes })
  }

  /** The system took `bytes`. @returns how many of them came from feeders. */
  #uncount(bytes: number): number {
    let [left, fedBytes] = [bytes, 0]
    for (let first = this.#stretches[0]; first !== undefined; first = this.#stretches[0]) {
      const taken = Math.min(left, first.bytes)
      first.bytes -= taken
      left -= taken
      if (first.isFed) fedBytes += taken
      if (first.bytes > 0) break
      this.#stretches.shift()
    }
    return fedBytes
  }
}
