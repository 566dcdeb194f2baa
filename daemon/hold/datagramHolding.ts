/** A datagram endpoint that is held: its callbacks are those of asyncio's `DatagramProtocol`. */
import { rpcError, type RpcError, type WireError } from "../../protocol/errors.ts"
import { WaterMarks } from "../../protocol/waterMarks.ts"
import { closedTransport, lossOf, openFailure, sendFailure } from "../failures.ts"
import {
  datagramCost,
  type DatagramEvents,
  type DatagramTransport,
  type Destination,
  type MulticastChange,
} from "../transports/datagram.ts"
import type { Attachment, ReadingOptions } from "./attachment.ts"
import { DatagramOutlet } from "./datagramOutlet.ts"
import { DatagramQueue, type Datagram } from "./datagramQueue.ts"
import { Holding, type Description, type Ending, type HoldingOptions, type WayIn, type Wish } from "./holding.ts"
import { Intake } from "./intake.ts"
import { keepingIsFull, keepingOf, type Keeping } from "./keeping.ts"
import type { Voice } from "./outlet.ts"
import type { Recipient } from "./recipient.ts"

export interface DatagramHoldingOptions extends HoldingOptions {
  /** The one address that it may send to. */
  readonly remote: Destination | null
  makeTransport(events: DatagramEvents): DatagramTransport
}

export class DatagramHolding extends Holding {
  /** Channels are of bytes, and datagrams are none. */
  readonly channels = [] as const
  readonly transport: DatagramTransport
  readonly intake: Intake
  readonly #remote: Destination | null
  readonly #keeping: Keeping
  /** What waits for the owner, or for the next one. */
  readonly #waiting = new DatagramQueue()
  /** Bytes that came and were not dropped. */
  #received = 0
  #isLost = false
  /** Why we ended it, where that is to be told. */
  #reason: RpcError | null = null

  constructor(options: DatagramHoldingOptions) {
    super(options)
    const { options: wishes, remote, makeTransport } = options
    const { highBytes, lowBytes } = wishes.writeBufferLimits
    this.#remote = remote
    // Nobody can stop the source: to block is to drop what comes.
    this.#keeping = keepingOf(wishes, "block")
    this.intake = new Intake(new WaterMarks(highBytes, lowBytes))
    this.transport = makeTransport({
      datagram: (data, addr) => this.#datagram({ data, addr }),
      failed: (error) => this.#failed(error),
      flushed: (bytes) => this.intake.flushed(bytes),
      lost: () => this.#lost(),
    })
    this.attachFirst(options)
  }

  get isClosing(): boolean {
    return this.transport.isClosing
  }

  /**
   * Takes a datagram from the client. Throws TransportClosed once it is closing, InvalidParams where it cannot know or
   * may not choose the destination, WindowExceeded (which ends it) beyond the window.
   */
  sendto(data: Uint8Array, addr: Destination | null): void {
    if (this.isClosing) throw closedTransport(this.id)
    const to = this.#destination(addr)
    try {
      this.intake.take(datagramCost(data))
    } catch (error) {
      this.#reason ??= error as RpcError
      this.abort()
      throw error
    }
    this.transport.send(data, to)
  }

  /** Throws OsFailure at the first thing that the system refuses; what came before it stays. */
  changeMulticast(change: MulticastChange): void {
    if (this.isClosing) throw closedTransport(this.id)
    try {
      this.transport.changeMulticast(change)
    } catch (error) {
      throw openFailure(error)
    }
  }

  close(): void {
    this.transport.close()
    this.#discard()
  }

  abort(): void {
    this.transport.abort()
    this.#discard()
  }

  override describe(): Description {
    const outlet = this.#owner
    const counts = {
      id: this.id,
      received: this.#received,
      sent: outlet?.sent ?? 0,
      consumed: outlet?.consumed ?? 0,
      retained: { from: this.#received - this.#waiting.bytes, to: this.#received },
      written: this.intake.written,
      flushed: this.intake.flushedTo,
      brought: 0,
      moved: 0,
    }
    return { ...super.describe(), channels: [counts] }
  }

  /** Datagrams have no offset to start from: an owner gets all that waits, or nothing of it. */
  override attach(recipient: Recipient, wish: Wish): { attachment: Attachment; begin: () => void } {
    const attached = super.attach(recipient, wish)
    if (wish.role === "owner" && wish.fromNow) this.#waiting.clear()
    return attached
  }

  protected override joined(attachment: Attachment, reading: ReadingOptions): void {
    const { id: transport } = this
    const { recipient, isOwner } = attachment
    attachment.datagrams = new DatagramOutlet({
      ...reading,
      recipient,
      queue: isOwner ? this.#waiting : new DatagramQueue(),
      voice: {
        datagram: (data, addr) => recipient.notify("protocol/datagramReceived", { transport, data, addr }),
        text: (text, offset, addr) => recipient.notify("protocol/datagramReceived", { transport, text, offset, addr }),
        lost: (count) => recipient.notify("protocol/datagramsLost", { transport, count }),
      },
    })
  }

  protected override get intakes(): readonly WayIn[] {
    return [{ id: this.id, fd: null, intake: this.intake }]
  }

  protected override voice(): Voice {
    throw new Error("a datagram endpoint has no channels")
  }

  protected override isReadyForLoss(): boolean {
    return true
  }

  protected override get isOver(): boolean {
    return this.#isLost
  }

  protected override get lossError(): WireError | null {
    return lossOf(this.#reason, this.id)
  }

  protected override get ending(): Ending {
    return { kind: this.kind, broken: false }
  }

  get #owner(): DatagramOutlet | null {
    for (const { isOwner, datagrams } of this.attachments) if (isOwner) return datagrams
    return null
  }

  /** Source: asyncio `_SelectorDatagramTransport.sendto`; without any address it kills the transport, which we do not. */
  #destination(addr: Destination | null): Destination | null {
    const remote = this.#remote
    if (remote === null) {
      if (addr !== null) return addr
      throw rpcError("InvalidParams", "this endpoint has no remoteAddr: give an addr")
    }
    if (addr === null || (addr.host === remote.host && addr.port === remote.port)) return remote
    throw rpcError("InvalidParams", `this endpoint sends to ${remote.host}:${remote.port} only: give that addr or none`)
  }

  #datagram(datagram: Datagram): void {
    let kept = this.owner === null && this.#keep(datagram)
    for (const { isOwner, datagrams } of this.attachments) {
      const taken = datagrams?.take(datagram) === true
      if (isOwner) kept = taken
    }
    if (kept) this.#received += datagram.data.length
  }

  /** For the next owner; false when it was dropped. */
  #keep(datagram: Datagram): boolean {
    const { retainBytes, whenFull } = this.#keeping
    if (whenFull === "dropOldest") return this.#waiting.pushOut(datagram, retainBytes)
    const kept = this.#waiting.push(datagram, retainBytes)
    if (kept || whenFull !== "close" || this.isClosing) return kept
    this.#reason = keepingIsFull(this.#keeping, this.#waiting.bytes + datagram.data.length)
    this.abort()
    return false
  }

  #failed(error: Error): void {
    const { id: transport } = this
    const wire = sendFailure(error).toWire()
    for (const { recipient } of this.attachments) recipient.notify("protocol/errorReceived", { transport, error: wire })
  }

  #lost(): void {
    this.#isLost = true
    this.intake.lost(closedTransport(this.id))
    this.proceed()
  }

  /** Nothing is delivered after `close`. */
  #discard(): void {
    this.#waiting.clear()
    for (const { datagrams } of this.attachments) datagrams?.stop()
  }
}
