/**
 * Connections that were accepted and wait for their turn: unread, so that their own side stops sending.
 * Knows nothing of where their bytes go.
 */
import type { Protocol, Transport } from "transportd/client"
import { describeAddress } from "./address.ts"
import { Failure } from "./failure.ts"
import { Relay, type RelayOptions } from "./relay.ts"

export class Turns {
  readonly #lost: Promise<never>
  #waiting: Turn[] = []
  #wanted: ((turn: Turn) => void) | null = null
  #refusing = false

  /** @param closed resolves when the daemon is lost: nobody comes after that. */
  constructor(closed: Promise<void>) {
    this.#lost = closed.then(() => {
      throw new Failure("unreachable", "the daemon ended, and the server with it")
    })
    this.#lost.catch(() => {})
  }

  /** The protocol for a connection that was accepted. */
  make(): Protocol {
    const turn = new Turn(() => this.#arrived(turn))
    return turn
  }

  /** The next connection, in the order of arrival. */
  next(): Promise<Turn> {
    const turn = this.#waiting.shift()
    if (turn !== undefined) return Promise.resolve(turn)
    return Promise.race([new Promise<Turn>((resolve) => (this.#wanted = resolve)), this.#lost])
  }

  /** Ends all that wait and all that still come. */
  refuse(): void {
    this.#refusing = true
    for (const turn of this.#waiting.splice(0)) turn.refuse()
  }

  #arrived(turn: Turn): void {
    const wanted = this.#wanted
    this.#wanted = null
    if (this.#refusing) turn.refuse()
    else if (wanted === null) this.#waiting.push(turn)
    else wanted(turn)
  }
}

/** One connection until its turn. */
export class Turn implements Protocol {
  readonly #arrived: () => void
  #transport: Transport | null = null

  constructor(arrived: () => void) {
    this.#arrived = arrived
  }

  get id(): number {
    return this.#made.id
  }

  /** Who connected. */
  get remote(): string {
    return describeAddress(this.#made.getExtraInfo("peername"))
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport
    // Its end waits with its bytes: whoever connects, sends and leaves before its turn is heard all the same.
    transport.pauseReading()
    this.#arrived()
  }

  /** It is this one's turn: relays it. */
  take(options: RelayOptions): Relay {
    const relay = new Relay(options)
    this.#made.setProtocol(relay)
    relay.connectionMade(this.#made)
    this.#made.resumeReading()
    return relay
  }

  refuse(): void {
    this.#made.abort()
  }

  get #made(): Transport {
    if (this.#transport === null) throw new Error("a turn before its connection")
    return this.#transport
  }
}
