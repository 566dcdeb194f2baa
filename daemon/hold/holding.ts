/**
 * A transport in the daemon with its id, its name, its lifetime and the clients attached to it.
 *
 *     opening ──start()──▶ open ──close(), abort()──▶ closing ──▶ ended ──▶ forgotten
 *                            └────── the remote or the exit ──────┘   at once, or after `retainClosedMs`
 *
 * What is common to streams and processes is here; they differ in their callbacks and in what closing means.
 */
import { rpcError, type WireError } from "../../protocol/errors.ts"
import { WRITE_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { RequestResult } from "../../protocol/registry.ts"
import type { Clock } from "../clock.ts"
import type { Extra } from "../transports/transport.ts"
import { Attachment, type ReadingOptions, type Role, type StartOf } from "./attachment.ts"
import type { Channel } from "./channel.ts"
import { minus, NONE, plus, type Few } from "./few.ts"
import type { Intake } from "./intake.ts"
import type { TransportOptions } from "./keeping.ts"
import type { Voice } from "./outlet.ts"
import type { Recipient } from "./recipient.ts"
import type { ServerHolding } from "./serverHolding.ts"
import { Writer } from "./writer.ts"

export type Opened = RequestResult<"loop/createConnection">
export type Kind = Opened["kind"]
export type Description = RequestResult<"transport/describe">
export type State = Description["state"]

/** How a holding ended: what the table remembers of it. */
export interface Ending {
  readonly kind: Kind
  readonly pid?: number
  readonly errno?: string | undefined
  /** Whether the remote ended it, not we. */
  readonly broken: boolean
}

/**
 * What surrounds all holdings of a daemon, and what they tell it, themselves being the last argument: it may happen
 * before anybody knows of them.
 */
export interface Surroundings {
  readonly clock: Clock
  /** How long what is over is kept for late clients. */
  readonly retainClosedMs: number
  /** It is over; with lifetime daemon it is kept for late clients. Called once. */
  over(holding: Holding): void
  /** A client came or left. */
  changed(change: "attached" | "detached", recipient: Recipient, holding: Holding): void
  /** Nobody can attach any more: its id means nothing from now on. Called once. */
  forgotten(ending: Ending, holding: Holding): void
}

export interface HoldingOptions {
  readonly id: number
  readonly kind: Kind
  readonly extra: Extra
  readonly owner: Recipient | null
  readonly options: TransportOptions
  readonly surroundings: Surroundings
  /** The server that accepted it. */
  readonly server?: ServerHolding | undefined
}

/** How a client wants to be attached. */
export interface Wish {
  readonly role: Role
  /** Whether it takes the place of another owner. */
  readonly steal: boolean
  readonly start: StartOf
  /** Whether it wants nothing of the past, also where there are no channels to start in. */
  readonly fromNow: boolean
  readonly reading: ReadingOptions
}

/** One way from the owner to the remote, under the id that its bytes are reported for. */
export interface WayIn {
  readonly id: number
  readonly fd: number | null
  readonly intake: Intake
}

export abstract class Holding {
  readonly id: number
  readonly name: string | undefined
  readonly lifetime: "client" | "daemon"
  /** The channels with their ids; a stream's only one has the id of the holding. */
  abstract readonly channels: readonly Channel[]
  /** The server that accepted it. */
  readonly server: ServerHolding | undefined
  protected readonly held: Surroundings
  readonly #graceMs: number | undefined
  #attachments: Few<Attachment> = NONE
  #kind: Kind
  #extra: Extra
  #state: State = "opening"
  #ending: Ending | null = null
  #endedMs = 0
  #forgotten = false
  /** Clients that left it to end: each waits for that. */
  #abandonedBy: Few<Recipient> = NONE
  /** What it waits for without anybody who has it. */
  #waitsFor: "somebody" | "its time" | null = null
  #stopWaiting: (() => void) | null = null

  /** Keeps nothing of what is given that leads to its first owner, who may be long gone. */
  constructor({ id, kind, extra, options: wishes, server, surroundings }: Omit<HoldingOptions, "owner">) {
    this.held = surroundings
    this.server = server
    this.#graceMs = wishes.graceMs
    this.id = id
    this.#kind = kind
    this.#extra = extra
    this.lifetime = wishes.lifetime
    // A server's name is the server's alone.
    this.name = server === undefined ? wishes.name : undefined
  }

  get kind(): Kind {
    return this.#kind
  }

  get extra(): Extra {
    return this.#extra
  }

  get state(): State {
    return this.#state === "open" && this.isClosing ? "closing" : this.#state
  }

  /** How it ended; null while it is not over. */
  get ended(): Ending | null {
    return this.#ending
  }

  /** What is in memory of what came. */
  get retainedBytes(): number {
    return this.channels.reduce((sum, { retained: { from, to } }) => sum + to - from, 0)
  }

  get owner(): Recipient | null {
    return this.#ownerAttachment?.recipient ?? null
  }

  /** What the answer to the request that made it says. */
  get opened(): Opened {
    return { transport: this.id, kind: this.kind, extra: { ...this.extra }, writeWindowBytes: WRITE_WINDOW_BYTES }
  }

  /** It goes on as another kind, under the same id. */
  become(kind: Kind, extra: Extra): void {
    this.#kind = kind
    this.#extra = extra
  }

  abstract get isClosing(): boolean

  /** Flushes and ends; a process is killed. Again: no effect. */
  abstract close(): void
  /** Ends at once. Again: no effect. */
  abstract abort(): void

  /** Says `connectionMade` and lets events flow: once, after the answer that names it. */
  start(): void {
    if (this.#state !== "opening") return
    this.#state = "open"
    const made = { ...this.opened, ...(this.server !== undefined && { server: this.server.id }) }
    for (const { recipient } of this.#attachments) recipient.notify("protocol/connectionMade", made)
    for (const channel of this.channels) channel.start()
    for (const attachment of this.#attachments) this.#begin(attachment)
    this.#wait()
  }

  /** The relation of `recipient` to this, if there is one. */
  attachmentOf(recipient: Recipient): Attachment | undefined {
    for (const attachment of this.#attachments) if (attachment.recipient === recipient) return attachment
    return undefined
  }

  /**
   * Attaches a client; its `begin` is to be called once it has the answer. An owner takes the place of another only if
   * it `steals` it: NotOwner otherwise. The one that is pushed out hears `transport/detached`.
   */
  attach(recipient: Recipient, wish: Wish): { attachment: Attachment; begin: () => void } {
    const owner = this.#ownerAttachment
    if (wish.role === "owner" && owner !== undefined && owner.recipient !== recipient && !wish.steal) {
      throw rpcError("NotOwner", `transport ${this.id} belongs to another client; steal it, or observe`, {
        transport: this.id,
      })
    }
    const starts = this.channels.map((channel) => wish.start(channel))
    const before = this.attachmentOf(recipient)
    if (before !== undefined) this.#remove(before)
    if (wish.role === "owner" && owner !== undefined && owner !== before) this.#pushOut(owner, recipient.id)
    const attachment = this.#add(recipient, wish.role, wish.reading, starts)
    this.held.changed("attached", recipient, this)
    if (before?.isOwner === true && !attachment.isOwner) this.#givenUp(recipient)
    return { attachment, begin: () => this.#begin(attachment) }
  }

  /** Ends the relation of `recipient`: it hears no more. Without an owner the transport waits, or ends with its client. */
  detach(recipient: Recipient): void {
    const attachment = this.attachmentOf(recipient)
    if (attachment === undefined) return
    this.#remove(attachment)
    this.held.changed("detached", recipient, this)
    if (attachment.isOwner) this.#givenUp(recipient)
    if (!this.#abandonedBy.includes(recipient) || this.#state === "ended") recipient.possessions.remove(this)
    // It may be over already, and have waited for this client alone to hear of it.
    this.proceed()
  }

  /** Its client is gone: ends as gracefully as it can. An `abort` follows at the deadline. */
  abandon(): void {
    if (this.#state === "opening") this.start()
    this.close()
  }

  describe(): Description {
    return {
      transport: this.id,
      kind: this.kind,
      ...(this.name !== undefined && { name: this.name }),
      ...(this.server !== undefined && { server: this.server.id }),
      clientId: this.owner?.id ?? null,
      lifetime: this.lifetime,
      state: this.state,
      extra: { ...this.extra },
      attachments: this.#attachments.map(({ recipient, role }) => ({ clientId: recipient.id, role })),
      channels: this.channels.map((channel) => channel.counts),
    }
  }

  /**
   * It ended and nobody will come for it, or must not: its id means nothing from now on. Who has not heard all of it by
   * now hears what it lost, and the end.
   */
  forget(): void {
    if (this.#forgotten || this.#ending === null) return
    // First: to hear the end is to leave, and the last that leaves would forget it again.
    this.#forgotten = true
    this.#wait()
    for (const attachment of this.#attachments) attachment.giveUp()
    for (const attachment of this.#attachments) {
      this.#remove(attachment)
      attachment.recipient.possessions.remove(this)
    }
    this.held.forgotten(this.#ending, this)
  }

  /** What a client hears of a channel. */
  protected abstract voice(attachment: Attachment, channel: Channel): Voice

  /** Whether all that `attachment` is to hear before the loss has been said. */
  protected abstract isReadyForLoss(attachment: Attachment): boolean

  /** Whether the transport itself is over, whoever has heard of it. */
  protected abstract get isOver(): boolean

  /** Why, for `connectionLost`. */
  protected abstract get lossError(): WireError | null

  /** How it ended, for the table. */
  protected abstract get ending(): Ending

  /** An attachment hears what comes, from now on: what is to be said before, and what behind what was kept. */
  protected beginning(_attachment: Attachment): void {}
  protected begun(_attachment: Attachment): void {}

  /** A client came: what it is to hear beside the channels is set up, and begins with the attachment. */
  protected joined(_attachment: Attachment, _reading: ReadingOptions): void {}

  /** The owner is gone; what only an owner could decide is decided now. */
  protected ownerLeft(): void {}

  protected get attachments(): Iterable<Attachment> {
    return this.#attachments
  }

  /** Where bytes of the owner come in. */
  protected get intakes(): readonly WayIn[] {
    return this.channels.flatMap(({ id, fd, inlet: intake }) => (intake === null ? [] : [{ id, fd, intake }]))
  }

  /** Told by the subclass when something happened that may have been the last of it. */
  protected proceed(): void {
    if (!this.isOver || this.#state === "opening") return
    if (this.#state !== "ended") this.#end()
    for (const attachment of this.#attachments) this.#sayLoss(attachment)
    if (this.lifetime === "client" && this.#attachments.length === 0) this.forget()
  }

  /** The first owner is attached from the start; callbacks begin with `start()`. */
  protected attachFirst({ owner, options }: Pick<HoldingOptions, "owner" | "options">): void {
    if (owner === null) return
    const starts = this.channels.map(() => 0)
    this.#add(owner, "owner", options, starts)
  }

  get #ownerAttachment(): Attachment | undefined {
    for (const attachment of this.#attachments) if (attachment.isOwner) return attachment
    return undefined
  }

  #add(recipient: Recipient, role: Role, reading: ReadingOptions, starts: readonly number[]): Attachment {
    const attachment = new Attachment(recipient, role, this.#state !== "opening")
    this.#attachments = plus(this.#attachments, attachment)
    for (const [index, channel] of this.channels.entries()) {
      if (channel.readable) {
        const { encoding, readWindowBytes, paused } = reading
        const options = { encoding, readWindowBytes, paused }
        attachment.listen(channel, starts[index] ?? 0, options, this.voice(attachment, channel))
      }
    }
    if (role === "owner") {
      for (const { id, fd, intake } of this.intakes) intake.writer = new Writer(recipient, this.id, id, fd)
    }
    this.joined(attachment, reading)
    this.#wait()
    recipient.possessions.add(this)
    return attachment
  }

  #begin(attachment: Attachment): void {
    if (!this.#attachments.includes(attachment)) return
    this.beginning(attachment)
    if (attachment.isOwner) for (const { intake } of this.intakes) intake.begin()
    attachment.start()
    this.begun(attachment)
    this.proceed()
  }

  #remove(attachment: Attachment): void {
    this.#attachments = minus(this.#attachments, attachment)
    attachment.stop()
    if (attachment.isOwner) for (const { intake } of this.intakes) intake.writer = null
    this.#wait()
  }

  #pushOut(attachment: Attachment, by: number): void {
    // First: a tunnel gives back what is lent to it, to an owner.
    attachment.recipient.notify("transport/detached", { transport: this.id, by })
    this.#remove(attachment)
    attachment.recipient.possessions.remove(this)
  }

  #sayLoss(attachment: Attachment): void {
    if (!this.#attachments.includes(attachment) || !this.isReadyForLoss(attachment)) return
    const { recipient } = attachment
    this.#remove(attachment)
    recipient.notify("protocol/connectionLost", { transport: this.id, error: this.lossError })
    recipient.possessions.remove(this)
  }

  /** `by` owns it no more, and nobody has taken over: without its client it ends, or stays. */
  #givenUp(by: Recipient): void {
    if (this.lifetime === "client") this.#abandonedBy = plus(this.#abandonedBy, by)
    this.ownerLeft()
    if (this.lifetime === "client") this.abandon()
  }

  /** The only place that decides how long it stays with nobody: called whenever somebody came or left, or it ended. */
  #wait(): void {
    const waitsFor = this.#reasonToWait()
    if (waitsFor === this.#waitsFor) return
    this.#stopWaiting?.()
    this.#waitsFor = waitsFor
    const { clock, retainClosedMs } = this.held
    if (waitsFor === "somebody") this.#stopWaiting = clock.after(this.#graceMs ?? 0, () => this.close())
    // Counted from the end: whoever comes and goes prolongs nothing.
    const leftMs = this.#endedMs + retainClosedMs - clock.nowMs()
    if (waitsFor === "its time") this.#stopWaiting = clock.after(leftMs, () => this.forget())
  }

  #reasonToWait(): "somebody" | "its time" | null {
    const { state, lifetime } = this
    if (state === "opening" || this.#forgotten) return null
    // What is over waits for an owner that came in time, however slowly it reads, and for nobody else.
    if (state === "ended") return this.owner === null ? "its time" : null
    const isAlone = lifetime === "daemon" && this.#attachments.length === 0
    return isAlone && this.#graceMs !== undefined ? "somebody" : null
  }

  #end(): void {
    this.#state = "ended"
    this.#ending = this.ending
    this.#endedMs = this.held.clock.nowMs()
    for (const recipient of this.#abandonedBy) {
      if (this.attachmentOf(recipient) === undefined) recipient.possessions.remove(this)
    }
    this.held.over(this)
    this.#wait()
  }
}
