/**
 * What transports need of the connection to the daemon: to say things about themselves, and to be told.
 * Knows nothing of how the connection came about.
 */
import type {
  ClientNotificationName,
  ClientNotificationParams,
  RequestName,
  RequestParams,
} from "../protocol/registry.ts"

export interface Link {
  /** Sends a notification, or a request whose answer nobody wants. */
  notify<Name extends RequestName | ClientNotificationName>(
    name: Name,
    params: Name extends RequestName
      ? RequestParams<Name>
      : Name extends ClientNotificationName
        ? ClientNotificationParams<Name>
        : never,
  ): void
  /** A callback of the user has thrown where nobody can catch it. */
  report(error: unknown, where: string): void
}
