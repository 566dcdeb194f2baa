/**
 * Clients that want the news of what begins and ends in the daemon, each with a bounded row of what waits for its
 * connection. What does not fit is counted, and the count told in the place where the news are missing.
 */
import { MAX_WAITING_EVENTS } from "../protocol/limits.ts"
import type { DaemonNotificationParams } from "../protocol/registry.ts"
import type { Sender } from "./hold/outbox.ts"
import type { Recipient } from "./hold/recipient.ts"

export type News = DaemonNotificationParams<"daemon/event">

export class Watchers {
  readonly #watchers = new Map<Recipient, Watcher>()

  set(recipient: Recipient, watches: boolean): void {
    const watcher = this.#watchers.get(recipient)
    if (watches && watcher === undefined) this.#watchers.set(recipient, new Watcher(recipient))
    if (watches || watcher === undefined) return
    watcher.stop()
    this.#watchers.delete(recipient)
  }

  announce(news: News): void {
    for (const watcher of this.#watchers.values()) watcher.tell(news)
  }
}

class Watcher implements Sender {
  readonly #recipient: Recipient
  /** What waits, and never two counts in a row. */
  readonly #waiting: News[] = []

  constructor(recipient: Recipient) {
    this.#recipient = recipient
  }

  tell(news: News): void {
    const last = this.#waiting.at(-1)
    if (this.#waiting.length < MAX_WAITING_EVENTS) this.#waiting.push(news)
    else if (last?.event === "missed") this.#waiting.splice(-1, 1, { ...last, count: (last.count ?? 0) + 1 })
    else this.#waiting.push({ event: "missed", count: 1 })
    this.#recipient.outbox.enqueue(this)
  }

  sendChunk(): boolean {
    const next = this.#waiting.shift()
    if (next !== undefined) this.#recipient.notify("daemon/event", next)
    return this.#waiting.length > 0
  }

  stop(): void {
    this.#recipient.outbox.leave(this)
  }
}
