/**
 * What is under Node's UDP sockets.
 * Platform: it lies where Node keeps it, under a symbol: the name that it has beside it is deprecated.
 */
import type { Socket } from "node:dgram"

interface Descriptor {
  readonly fd: number
}

export interface DatagramState<Handle> {
  readonly handle: Handle | null
  connectState: number
}

export function stateOf<Handle extends Descriptor>(socket: Socket): DatagramState<Handle> {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol")
  return (socket as unknown as Record<symbol, DatagramState<Handle>>)[symbol as symbol] as DatagramState<Handle>
}
