/** Asks the daemon about one transport, however often the connection to it breaks meanwhile. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Client } from "transportd/client"
import { describe, type Description } from "./ref.ts"

export type Counts = Description["channels"][number]

/** Between two looks, and before what failed is tried again. */
const PAUSE_MS = 20

export class Inquiry {
  readonly #client: Client
  readonly #transport: number
  #isGone = false

  constructor(client: Client, transport: number) {
    this.#client = client
    this.#transport = transport
    void client.closed.then(() => (this.#isGone = true))
  }

  /** Rejects with what the daemon answers, and with ConnectionEnded once it is lost for good. */
  async describe(): Promise<Description> {
    return await this.ask(() => describe(this.#client, this.#transport))
  }

  /** The answer to what `ask` asks, again if the connection broke before it. */
  async ask<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        const isBreak = (error as Error).name === "ConnectionEnded"
        if (!isBreak || !this.#client.comesBack || this.#isGone) throw error
        // A connection that is about to end refuses at once.
        await sleep(PAUSE_MS)
      }
    }
  }

  /** Looks at the counts of a stream until `isEnough`. Resolves then, and when there is nothing to look at any more. */
  async look(isEnough: (counts: Counts) => boolean): Promise<void> {
    try {
      for (;;) {
        const { channels } = await this.describe()
        if (channels[0] === undefined || isEnough(channels[0])) return
        await sleep(PAUSE_MS)
      }
    } catch {
      return
    }
  }
}
