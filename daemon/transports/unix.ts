/** What is known of Unix sockets as transports; in all else they are streams like any other. */
import type { Extra } from "./transport.ts"

export interface PathAddress {
  readonly path: string
}

/**
 * `peername`, `sockname` and a description of the socket. An end that was not bound has the empty path.
 * Platform: Node cannot tell the addresses of a Unix socket, so whoever opened it has to.
 */
export function unixExtra(peername: string, sockname: string): Extra {
  return {
    peername: { path: peername } satisfies PathAddress,
    sockname: { path: sockname } satisfies PathAddress,
    socket: { type: "stream", family: "Unix" },
  }
}
