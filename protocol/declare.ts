/**
 * How a message is declared: one value carries its name, shapes, errors and an example.
 * Types at both ends, validation in the daemon, the OpenRPC document, the reference pages and other languages' types
 * all come from these values. Knows no particular message.
 */
import type { z } from "zod"
import type { ErrorName } from "./errors.ts"

/** What every declaration says about its message. */
interface Described {
  /** The version of the package that first had it. */
  readonly since: string
  /** One paragraph: the effect, and what is different from what a reader would assume. */
  readonly summary: string
}

/** A request from the client: the daemon never sends one. */
export interface RequestDeclaration<
  Name extends string = string,
  Params extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
> extends Described {
  readonly kind: "request"
  readonly name: Name
  readonly params: Params
  readonly result: Result
  /** What this request can fail with, beyond what every request can. */
  readonly errors: readonly ErrorName[]
  /** Whether it may also be sent as a notification, by a client that wants no answer. */
  readonly orNotification: boolean
  readonly example: { readonly params: z.input<Params>; readonly result: z.input<Result> }
}

/** A message without an answer; `sender` says which end sends it. */
export interface NotificationDeclaration<
  Name extends string = string,
  Params extends z.ZodType = z.ZodType,
  Sender extends "client" | "daemon" = "client" | "daemon",
> extends Described {
  readonly kind: "notification"
  readonly sender: Sender
  readonly name: Name
  readonly params: Params
  readonly example: { readonly params: z.input<Params> }
}

/** Declares a request. */
export function request<Name extends string, Params extends z.ZodType, Result extends z.ZodType>(
  name: Name,
  declaration: Omit<RequestDeclaration<Name, Params, Result>, "kind" | "name" | "orNotification" | "errors"> & {
    readonly errors?: readonly ErrorName[]
  },
): RequestDeclaration<Name, Params, Result> {
  return { kind: "request", name, orNotification: false, errors: [], ...declaration }
}

/** Declares a request that may be sent as a notification too. */
export function requestOrNotification<Name extends string, Params extends z.ZodType, Result extends z.ZodType>(
  name: Name,
  declaration: Omit<RequestDeclaration<Name, Params, Result>, "kind" | "name" | "orNotification">,
): RequestDeclaration<Name, Params, Result> & { readonly orNotification: true } {
  return { kind: "request", name, orNotification: true, ...declaration }
}

/** Declares a notification that clients send. */
export function fromClient<Name extends string, Params extends z.ZodType>(
  name: Name,
  declaration: Omit<NotificationDeclaration<Name, Params, "client">, "kind" | "name" | "sender">,
): NotificationDeclaration<Name, Params, "client"> {
  return { kind: "notification", name, sender: "client", ...declaration }
}

/** Declares a notification that the daemon sends. */
export function fromDaemon<Name extends string, Params extends z.ZodType>(
  name: Name,
  declaration: Omit<NotificationDeclaration<Name, Params, "daemon">, "kind" | "name" | "sender">,
): NotificationDeclaration<Name, Params, "daemon"> {
  return { kind: "notification", name, sender: "daemon", ...declaration }
}
