/**
 * The closed list of messages, and the types that follow from it.
 * Only the daemon imports the values; a client takes the types alone, so that no schema is loaded there.
 */
import type { z } from "zod"
import * as callbacks from "./callbacks.ts"
import * as daemon from "./daemon.ts"
import * as datagram from "./datagram.ts"
import type { NotificationDeclaration, RequestDeclaration } from "./declare.ts"
import * as lifecycle from "./lifecycle.ts"
import * as loop from "./loop.ts"
import * as names from "./names.ts"
import * as pipe from "./pipe.ts"
import * as process from "./process.ts"
import * as server from "./server.ts"
import * as transport from "./transport.ts"

const namespaces = { lifecycle, loop, datagram, pipe, process, names, server, transport, callbacks, daemon }

type Namespaces = typeof namespaces
type Declaration = {
  [Room in keyof Namespaces]: Extract<
    Namespaces[Room][keyof Namespaces[Room]],
    { readonly kind: "request" | "notification"; readonly name: string }
  >
}[keyof Namespaces]

type Request = Extract<Declaration, { readonly kind: "request" }>
type Notification = Extract<Declaration, { readonly kind: "notification" }>
type ByName<Declared extends { readonly name: string }> = { [D in Declared as D["name"]]: D }

type Requests = ByName<Request>
type Tellable = ByName<Extract<Request, { readonly orNotification: true }>>
type ClientNotifications = ByName<Extract<Notification, { readonly sender: "client" }>>
type DaemonNotifications = ByName<Extract<Notification, { readonly sender: "daemon" }>>

/** All requests, by name. */
export type RequestName = keyof Requests
/** What a client can say without an answer, by name: its notifications, and the requests that may be sent as one. */
export type ClientNotificationName = keyof (ClientNotifications & Tellable)
/** The notifications that the daemon sends, by name. */
export type DaemonNotificationName = keyof DaemonNotifications

/** What a client gives. */
export type RequestParams<Name extends RequestName> = z.input<Requests[Name]["params"]>
/** What the daemon's handler gets: checked, with defaults filled in. */
export type ParsedParams<Name extends RequestName | keyof ClientNotifications> = z.output<
  (Requests & ClientNotifications)[Name]["params"]
>
/** What the daemon answers. */
export type RequestResult<Name extends RequestName> = z.input<Requests[Name]["result"]>
export type ClientNotificationParams<Name extends ClientNotificationName> = z.input<
  (ClientNotifications & Tellable)[Name]["params"]
>
export type DaemonNotificationParams<Name extends DaemonNotificationName> = z.input<DaemonNotifications[Name]["params"]>

/** All declarations: namespaces as above, names by the alphabet within (as a module's exports are ordered anyway). */
export const declarations: ReadonlyArray<RequestDeclaration | NotificationDeclaration> = Object.values(namespaces)
  .map((namespace): unknown[] => Object.values(namespace))
  .flatMap((values) => values.filter(isDeclaration).sort((one, other) => (one.name < other.name ? -1 : 1)))

/** What the daemon accepts, by method name. */
export const accepted: ReadonlyMap<string, RequestDeclaration | NotificationDeclaration> = new Map(
  declarations
    .filter((declaration) => declaration.kind === "request" || declaration.sender === "client")
    .map((declaration) => [declaration.name, declaration]),
)

function isDeclaration(value: unknown): value is RequestDeclaration | NotificationDeclaration {
  return typeof value === "object" && value !== null && "kind" in value && "params" in value
}
