/** What holdings need of a client: somewhere to say things, and to hear how much waits there. */
import type { DaemonNotificationName, DaemonNotificationParams } from "../../protocol/registry.ts"
import type { Outbox } from "./outbox.ts"
import type { Possessions } from "./possessions.ts"

export interface Recipient {
  readonly id: number
  /** Whether it reports what it consumes, and counts what was flushed. */
  readonly flowControl: boolean
  /** Whether its connection is the bytes of what it owns, which is lent to nobody else then. */
  readonly isTunnel: boolean
  /** What it owns or watches: all of it is let go when it leaves. */
  readonly possessions: Possessions
  /** Bulk data goes through here; anything else is said at once. */
  readonly outbox: Outbox
  /** Sends a callback. Once the client is gone: no effect. */
  notify<Name extends DaemonNotificationName>(name: Name, params: DaemonNotificationParams<Name>): void
  /** Reports how far `transport` was flushed, `bytes` more than before: at once, or with the next callback. */
  reportFlushed(transport: number, offset: number, bytes: number): void
  /** Counts bytes that were taken from it (plus) and handed to the system (minus). */
  buffered(bytes: number): void
}
