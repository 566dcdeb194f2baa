/** What a handler works with, and the type that makes a missing handler a compile error. */
import type { Duplex } from "node:stream"
import type { RequestContext } from "../../protocol/peer.ts"
import type { ClientNotificationName, ParsedParams, RequestName, RequestResult } from "../../protocol/registry.ts"
import type { Clock } from "../clock.ts"
import type { Settings } from "../config.ts"
import type { Surroundings } from "../hold/holding.ts"
import type { Possessions } from "../hold/possessions.ts"
import type { Recipient } from "../hold/recipient.ts"
import type { Table } from "../hold/table.ts"
import type { Tunnel } from "../hold/tunnel.ts"
import type { Watchers } from "../watchers.ts"
import type { ClientDescriptors } from "../open/clientDescriptors.ts"
import type { Descriptors } from "../open/descriptors.ts"
import type { Environment } from "../open/spawn.ts"

/** The daemon, as far as handlers need it. */
export interface DaemonFace {
  readonly table: Table
  readonly clock: Clock
  readonly settings: Settings
  /** What outlives its client: the daemon's until it ends. */
  readonly estate: Possessions
  /** What children inherit. */
  readonly environment: Environment
  /** What the daemon itself inherited; clients take of it through their own. */
  readonly descriptors: Descriptors
  readonly watchers: Watchers
  /** What surrounds all that it holds. */
  readonly surroundings: Surroundings
  info(): RequestResult<"daemon/info">
  statistics(): RequestResult<"daemon/statistics">
  /** Begins the end: see `daemon/shutdown`. */
  shutdown(graceMs?: number): void
}

/** The client that sent the message. */
export interface Session extends Recipient {
  /** What it may take over. */
  readonly descriptors: ClientDescriptors
  /** The path of the socket on which it hands descriptors over, made when it is first asked for. */
  descriptorSocket(): Promise<string>
  initialize(params: ParsedParams<"initialize">): RequestResult<"initialize">
  shutdown(): void
  exit(): void
  /** Throws NotSupported or InvalidRequest where its connection cannot be a tunnel. */
  checkTunnel(): void
  /** Its connection is the tunnel's from now on. */
  tunnel(make: (socket: Duplex, over: () => void) => Tunnel): void
}

export interface Context {
  readonly daemon: DaemonFace
  readonly session: Session
  readonly signal: AbortSignal
  /** Whether somebody waits for an answer: for a notification an error is told to nobody. */
  readonly isRequest: boolean
  /** For a notification: at once. */
  readonly afterReply: RequestContext["afterReply"]
}

/** Answers one request. What it does before its first await happens before the next message is looked at. */
export type RequestHandler<Name extends RequestName> = (
  params: ParsedParams<Name>,
  context: Context,
) => RequestResult<Name> | Promise<RequestResult<Name>>

type NotificationName = Exclude<ClientNotificationName, RequestName>

export type NotificationHandler<Name extends NotificationName> = (params: ParsedParams<Name>, context: Context) => void

/** One handler for each message that the daemon accepts. */
export type Handlers = { readonly [Name in RequestName]: RequestHandler<Name> } & {
  readonly [Name in NotificationName]: NotificationHandler<Name>
}

type NamesOf<Namespace extends string> = Extract<keyof Handlers, `${Namespace}/${string}`>

/** The handlers of one namespace: all of them, or it does not compile. */
export type HandlersOf<Namespace extends string> = Pick<Handlers, NamesOf<Namespace>>
