/** What is kept of a transport for a client that comes back or comes late, and what happens when that is full. */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { RETAIN_BYTES } from "../../protocol/limits.ts"
import type { ParsedParams } from "../../protocol/registry.ts"

export type TransportOptions = ParsedParams<"loop/createConnection">["options"]

export interface Keeping {
  readonly retainBytes: number
  readonly whenFull: "block" | "dropOldest" | "close"
}

/** What nearly all have whose client keeps nothing: one for all of them. */
const NOTHING_KEPT = {
  block: { retainBytes: 0, whenFull: "block" },
  dropOldest: { retainBytes: 0, whenFull: "dropOldest" },
  close: { retainBytes: 0, whenFull: "close" },
} as const satisfies Record<Keeping["whenFull"], Keeping>

/** From what its client wished: what is done with a full one differs by kind. */
export function keepingOf(options: TransportOptions, byKind: Keeping["whenFull"]): Keeping {
  const retainBytes = options.retainBytes ?? (options.lifetime === "daemon" ? RETAIN_BYTES : 0)
  const whenFull = options.whenFull ?? byKind
  return retainBytes === 0 ? NOTHING_KEPT[whenFull] : { retainBytes, whenFull }
}

/** Why a transport is closed when `whenFull` says so. */
export function keepingIsFull({ retainBytes: limit }: Keeping, used: number): RpcError {
  const message = `nobody read the transport, and ${limit} bytes are kept at most`
  return rpcError("LimitExceeded", message, { limit, used, unit: "bytes" })
}
