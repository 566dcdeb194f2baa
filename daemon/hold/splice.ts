/**
 * One direction of two streams that are joined: what comes from the one is written to the other, with the other's pace
 * as the brake. One more reader of a log, whose window is the room in a write buffer.
 *
 * What ends the one ends the other: an end of file is passed on as one, a loss as a close, a broken connection as an
 * abort. Knows no clients: who owns either end may change or leave meanwhile.
 */
import { isRpcError, type RpcError, type WireError } from "../../protocol/errors.ts"
import { lossOf } from "../failures.ts"
import type { Channel } from "./channel.ts"
import type { Feeder, Inlet } from "./inlet.ts"
import { Outbox } from "./outbox.ts"
import type { Outlet } from "./outlet.ts"

/** A channel that can be written to. */
export type Sink = Channel & { readonly inlet: Inlet }

/** What surrounds a splice. */
export interface SpliceEvents {
  /** Called once, before anybody hears what comes behind it. */
  ended(splice: Splice): void
  /** Ends `other` as the one side was lost; absent: closes it, or aborts it where the connection broke. */
  lose?(other: Channel, broken: boolean): void
}

export class Splice implements Feeder {
  readonly operation = "splice"
  readonly from: Channel
  readonly to: Sink
  readonly #events: SpliceEvents
  readonly #outbox: Outbox
  readonly #outlet: Outlet
  #bytes = 0
  #error: WireError | null = null
  /** Whether there is no brake any more. */
  #isHurried = false
  #isOver = false
  /** Whether the sink was lost with some of it. */
  #wasCut = false

  /** Takes both ends for itself: neither may be lent already. Begins with `start()`. */
  constructor(from: Channel, to: Sink, events: SpliceEvents) {
    this.from = from
    this.to = to
    this.#events = events
    this.#outbox = new Outbox(() => (this.#isHurried ? 0 : to.inlet.handedBytes))
    to.inlet.lend(this)
    this.#outlet = from.divert(
      { flowControl: false, outbox: this.#outbox },
      {
        deliver: (delivery) => this.#pass("data" in delivery ? delivery.data : Buffer.from(delivery.text)),
        // Nothing is dropped while somebody reads, and this one always does.
        bytesLost: () => {},
        eof: () => this.#sourceEnded(),
        lost: (error) => this.#sourceLost(error),
      },
    )
  }

  /** What went through. */
  get bytes(): number {
    return this.#bytes
  }

  /** Why it ended; null where both sides had nothing more to say, or were closed. */
  get error(): WireError | null {
    return this.#error
  }

  /** Again, and after the end: no effect. */
  start(): void {
    if (!this.#isOver) this.#outlet.start()
  }

  /** Passes on all that has come, however much waits at the sink: for a source that is not read any more. */
  hurry(): void {
    this.#isHurried = true
    this.#outbox.pump()
  }

  /** Ends between two bytes: the owners of both sides go on there. After the end: no effect. */
  stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#finish()
  }

  drained(): void {
    this.#outbox.pump()
  }

  /** The sink is gone: nobody can have what the source still says. */
  lost(error: RpcError): void {
    if (this.#isOver) return
    this.#wasCut = true
    if (error.name !== "TransportClosed") this.#error = error.toWire()
    this.#end(this.from, error)
  }

  #pass(data: Uint8Array): void {
    // Closed by its owner, and lost only when the last of it is out.
    if (this.to.stream.isClosing) return this.#end(this.from, null)
    this.#bytes += data.byteLength
    this.to.inlet.feed(data)
  }

  #sourceEnded(): void {
    const { to } = this
    // First: what ends may lead back here.
    this.#isOver = true
    if (to.stream.canWriteEof && to.readable) to.stream.writeEof()
    else to.close()
    this.#finish()
  }

  #sourceLost(error: Error | null): void {
    if (this.#isOver) return
    this.#error = lossOf(error, this.from.id)
    this.#end(this.to, error)
  }

  /** Ends `other` as the one has ended. */
  #end(other: Channel, error: Error | null): void {
    this.#isOver = true
    const broken = error !== null && !isRpcError(error, "TransportClosed")
    if (this.#events.lose !== undefined) this.#events.lose(other, broken)
    else if (broken) other.abort()
    else other.close()
    this.#finish()
  }

  #finish(): void {
    this.#events.ended(this)
    this.to.inlet.giveBack()
    this.from.restore(this.#outlet, { wasCut: this.#wasCut })
  }
}
