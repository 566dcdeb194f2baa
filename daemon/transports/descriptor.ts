/** An open descriptor that nothing was made of yet, and how Node makes a stream of it. */
import { Socket, type SocketConstructorOpts } from "node:net"
import { SHARED_READS } from "../../sockets/reading.ts"

/** What Node wraps around a descriptor, in the form in which its channel hands one over. */
export interface NodeHandle {
  readonly fd: number
  close(): void
  /** Of streams. */
  setBlocking?(blocking: boolean): number
}

/** A plain number, or one that a handle of Node's owns: closing the number would be closing it twice. */
export interface DescriptorSource {
  readonly fd: number
  readonly handle?: NodeHandle
}

/**
 * Takes the descriptor over; nothing is read from it yet. Throws, and leaves it alone, when Node can make no stream of
 * it: a datagram socket.
 */
export function streamOf({ fd, handle }: DescriptorSource, options: SocketConstructorOpts = {}): Socket {
  // `pauseOnCreate` and `handle` are what Node's own servers use.
  const inner = { ...(handle === undefined ? { fd } : { handle }), pauseOnCreate: true, onread: SHARED_READS }
  return new Socket({ ...options, ...inner, allowHalfOpen: true })
}
