/**
 * What is under Node's UDP sockets.
 * Platform: it lies where Node keeps it, under a symbol: the name that it has beside it is deprecated.
 */
import type { Socket } from "node:dgram"

export interface DatagramState<Handle = { readonly fd: number }> {
  /** Null once the socket is closed. */
  readonly handle: Handle | null
  connectState: number
}

/** One object for the life of `socket`; undefined where Node keeps it elsewhere. */
export function stateOf<Handle = { readonly fd: number }>(socket: Socket): DatagramState<Handle> | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol")
  return symbol && (socket as unknown as Record<symbol, DatagramState<Handle>>)[symbol]
}
