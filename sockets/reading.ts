/**
 * Where sockets read to: one buffer for all of them, or memory of somebody's own.
 * Knows nothing of what comes.
 *
 * Why: by itself Node allocates 64 KiB for each read and gives back what was not used, also for the 64 bytes of a small
 * message; and a read of more at once saves system calls. A relay of 64 KiB pieces took 1.15 s of processor time per GB
 * Node's way, 0.92 s with one buffer of 64 KiB, 0.80 s with 128 KiB, and 0.9 s with 256 KiB, which no cache holds.
 */
import { Socket, type OnReadOpts } from "node:net"

/** Memory of somebody's own, which tells where the next read goes and is told what came. */
export interface Memory {
  room(): Buffer
  /** @returns all that came and was not read. */
  filled(bytes: number): Buffer
}

const READ_BYTES = 128 * 1024

const shared = Buffer.allocUnsafeSlow(READ_BYTES)

/**
 * For a socket's `onread`: its `data` events have memory that is used again after them.
 * Why one buffer is enough: Node reads, and calls this, without anything in between.
 */
export const SHARED_READS: OnReadOpts = {
  buffer: shared,
  // Not an arrow: one function for all sockets, each of which Node calls it on.
  callback(this: Socket, bytes: number) {
    this.emit("data", shared.subarray(0, bytes))
    return true
  },
} as OnReadOpts

/** For `onread`: each `data` event has all that came into `memory` and was not read. */
export function readsInto(memory: Memory): OnReadOpts {
  return {
    buffer: () => memory.room(),
    callback(this: Socket, bytes: number) {
      this.emit("data", memory.filled(bytes))
      return true
    },
  } as OnReadOpts
}

/**
 * The connection of `accepted`, of which nothing was read, as a socket that reads as `onread` says; paused. `accepted`
 * is an empty shell then.
 * Platform: Node takes this for sockets that connect, and not for those that a server accepts. `handle` and
 * `pauseOnCreate` are what its own servers use; where there is no such handle, the socket stays what it is.
 */
export function withReads(accepted: Socket, onread: OnReadOpts): Socket {
  const shell = accepted as unknown as { _handle: object | null; _server: object | null; server: object | null }
  const { _handle: handle, _server: server } = shell
  if (typeof handle !== "object" || handle === null) return accepted
  const options = { handle, onread, allowHalfOpen: accepted.allowHalfOpen, pauseOnCreate: true }
  const socket = new Socket(options)
  // A server counts its sockets, and says that it is closed when the last of them has gone.
  Object.assign(socket, { _server: server, server })
  Object.assign(shell, { _handle: null, _server: null, server: null })
  return socket
}
