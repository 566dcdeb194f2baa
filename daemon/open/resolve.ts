/** Names to addresses. */
import { lookup } from "node:dns/promises"
import { isIP, type LookupFunction } from "node:net"
import { callbackify } from "node:util"
import { rpcError } from "../../protocol/errors.ts"
import { lookups } from "./lookups.ts"

/** A name that no resolver can know. Source: RFC 1035 section 2.3.4. */
const MAX_HOST_BYTES = 253

export interface LookupWish {
  readonly family?: 4 | 6 | undefined
  /** The AI_* flags that Node has, added up. */
  readonly hints?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Throws ResolveFailed for what is no name and no address: found before it costs a look-up. */
export function checkHost(host: string): void {
  if (host !== "" && !host.includes("\0") && host.length <= MAX_HOST_BYTES) return
  throw rpcError("ResolveFailed", "the host is no name and no address", { host, reason: "EINVAL" })
}

/**
 * All addresses of `host`, in the system's order. An address is its own, whatever the family.
 * Fails with what `getaddrinfo` said, with ResolveFailed for what can be no name, with TimedOut, or RequestCancelled.
 */
export async function resolveHost(host: string, { family, hints, signal }: LookupWish = {}): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  checkHost(host)
  const wish = { all: true, ...(family !== undefined && { family }), ...(hints !== undefined && { hints }) } as const
  const found = await lookups.run(host, () => lookup(host, wish), signal)
  return found.map(({ address }) => address)
}

/** How a socket looks up the name that it connects to: in the same row as everybody. */
export function socketLookup(signal: AbortSignal): LookupFunction {
  return (host, options, done) => {
    const look = callbackify(() => lookups.run(host, () => lookup(host, { ...options, all: true }), signal))
    look((error, found) => {
      // Node's own type wants an address beside an error.
      if (error !== null || options.all === true) done(error, found ?? [])
      else done(null, found[0]?.address ?? "", found[0]?.family)
    })
  }
}
