/** A client's relation to a holding: its role, its position in each channel, and what it has heard. */
import type { Channel } from "./channel.ts"
import type { DatagramOutlet } from "./datagramOutlet.ts"
import { NONE, plus, type Few } from "./few.ts"
import type { Outlet, Voice } from "./outlet.ts"
import type { Recipient } from "./recipient.ts"

export type Role = "owner" | "observer"

/** How a client wants what comes. */
export interface ReadingOptions {
  readonly encoding: "base64" | "utf8"
  readonly readWindowBytes: number
  readonly paused: boolean
}

/** Where delivery starts in a channel. */
export type StartOf = (channel: Channel) => number

export class Attachment {
  readonly recipient: Recipient
  readonly role: Role
  /** Whether the transport was open already when it came: it hears the past first. */
  readonly cameLate: boolean
  /** Whether it was told of the exit of the process. */
  exitSaid = false
  /** Its place in what an endpoint hears; null where there are channels. */
  datagrams: DatagramOutlet | null = null
  #outlets: Few<Outlet> = NONE

  constructor(recipient: Recipient, role: Role, cameLate: boolean) {
    this.recipient = recipient
    this.role = role
    this.cameLate = cameLate
  }

  get isOwner(): boolean {
    return this.role === "owner"
  }

  /** Whether it has heard the end of every channel. */
  get heardAll(): boolean {
    return this.#outlets.every((outlet) => outlet.isDone)
  }

  /** Takes a position in `channel`; `start()` begins delivery. */
  listen(channel: Channel, offset: number, options: ReadingOptions, voice: Voice): void {
    const { recipient, isOwner: owner } = this
    this.#outlets = plus(this.#outlets, channel.addOutlet({ recipient, owner, offset, voice, ...options }))
  }

  outlet(channel: Channel): Outlet | undefined {
    return this.#outlets.find((outlet) => outlet.channel === channel)
  }

  start(): void {
    for (const outlet of this.#outlets) outlet.start()
    this.datagrams?.start()
  }

  /** What it has not heard is going to be forgotten: goes to the end of every channel, and tells what is missing. */
  giveUp(): void {
    for (const outlet of this.#outlets) outlet.giveUp()
  }

  /** Leaves all positions. */
  stop(): void {
    const outlets = this.#outlets
    this.#outlets = NONE
    for (const outlet of outlets) outlet.channel.removeOutlet(outlet)
    this.datagrams?.stop()
  }
}
