/** Names to addresses. */
import { lookup } from "node:dns/promises"
import { isIP } from "node:net"

/** All addresses of `host`, in the system's order. Fails with what `getaddrinfo` said. */
export async function resolveHost(host: string, family?: 4 | 6): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  const found = await lookup(host, { all: true, ...(family !== undefined && { family }) })
  return found.map(({ address }) => address)
}
