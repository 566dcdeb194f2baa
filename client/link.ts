/**
 * What transports need of the connection to the daemon: to say things about themselves, and to be told.
 * Knows nothing of how the connection came about.
 */
import type { ClientNotificationName, ClientNotificationParams } from "../protocol/registry.ts"

export interface Link {
  /** Whether a broken connection is made anew, and what did not arrive is said again. */
  readonly comesBack: boolean
  /** Says something that wants no answer. The memory of bytes among `params` is the caller's again after the call. */
  notify<Name extends ClientNotificationName>(name: Name, params: ClientNotificationParams<Name>): void
  /** The bytes of the notification that is being taken, or some of them, for good: otherwise they are good that long. */
  own(bytes: Buffer): Buffer
  /** A callback of the user has thrown where nobody can catch it. */
  report(error: unknown, where: string): void
}
