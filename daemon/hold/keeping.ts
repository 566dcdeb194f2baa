/** What is kept of a transport for a client that comes back or comes late, and what happens when that is full. */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { RETAIN_BYTES } from "../../protocol/limits.ts"
import type { ParsedParams } from "../../protocol/registry.ts"

export type TransportOptions = ParsedParams<"loop/createConnection">["options"]

export interface Keeping {
  readonly retainBytes: number
  readonly whenFull: "block" | "dropOldest" | "close"
}

/** From what its client wished: `whenFull` differs by kind. */
export function keepingOf(options: TransportOptions, whenFull: Keeping["whenFull"]): Keeping {
  return {
    retainBytes: options.retainBytes ?? (options.lifetime === "daemon" ? RETAIN_BYTES : 0),
    whenFull: options.whenFull ?? whenFull,
  }
}

/** Why a transport is closed when `whenFull` says so. */
export function keepingIsFull({ retainBytes: limit }: Keeping, used: number): RpcError {
  const message = `nobody read the transport, and ${limit} bytes are kept at most`
  return rpcError("LimitExceeded", message, { limit, used, unit: "bytes" })
}
