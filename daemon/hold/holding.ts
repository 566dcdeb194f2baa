/** What every holding is: a transport in the daemon with its id, its name, its owner and its end. */
import type { RequestResult } from "../../protocol/registry.ts"
import type { Extra } from "../transports/transport.ts"
import type { Channel } from "./channel.ts"
import type { Recipient } from "./recipient.ts"

export type Kind = RequestResult<"loop/createConnection">["kind"]
export type State = Description["state"]
export type Description = RequestResult<"transport/describe">

export interface Holding {
  readonly id: number
  readonly kind: Kind
  readonly name: string | undefined
  readonly extra: Extra
  readonly owner: Recipient
  readonly state: State
  /** The channels with their ids; a stream's only one has the id of the holding. */
  readonly channels: readonly Channel[]

  /** Says `connectionMade` and lets events flow: once, after the answer that names it. */
  start(): void
  /** Flushes and ends; a process is killed. Again: no effect. */
  close(): void
  /** Ends at once. Again: no effect. */
  abort(): void
  /** Its client is gone: ends as gracefully as it can. An `abort` follows at the deadline. */
  abandon(): void
  describe(): Description
}

/** What ends with a holding: the table forgets it. */
export interface Ending {
  readonly kind: Kind
  readonly pid?: number
  readonly errno?: string | undefined
  /** Whether the remote ended it, not we. */
  readonly broken: boolean
}
