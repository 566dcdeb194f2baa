/**
 * One-way streams over a descriptor: named pipes, sockets used one way, terminals.
 *
 * Platform: Node hears of a lost reader only while it writes, because libuv does not poll a descriptor that is open for
 * writing alone. On Linux the C library tells; without it, of a pipe with a name, a second, momentary opening does: it
 * fails with ENXIO when nobody reads.
 */
import { closeSync, constants, openSync } from "node:fs"
import type { Socket } from "node:net"
import { ReadStream } from "node:tty"
import { hasNoReader } from "../native/poll.ts"
import { streamOf, type DescriptorSource } from "./descriptor.ts"
import { NodeStream } from "./stream.ts"
import type { StreamEvents } from "./transport.ts"

/** An open descriptor and what it is. */
export interface PipeSource extends DescriptorSource {
  readonly kind: "fifo" | "socket" | "terminal"
  /** Where it was opened. */
  readonly path?: string
}

/** A descriptor that Node has taken over. */
export interface Pipe extends PipeSource {
  readonly stream: Socket
}

/** Calls `action` once after `delayMs`; the result cancels it. */
export type After = (delayMs: number, action: () => void) => () => void

/** How long a lost reader may go unnoticed while nothing is written. */
const LOOK_MS = 100

export function readPipe({ stream }: Pipe, events: StreamEvents): NodeStream {
  return new NodeStream(stream, events, { writable: false })
}

/** @param after looks for the reader of a named pipe from time to time. */
export function writePipe({ stream, ...source }: Pipe, after: After, events: StreamEvents): NodeStream {
  const transport = new NodeStream(stream, events, { readable: false })
  if (source.kind === "socket") stream.on("end", () => stream.destroy()).resume()
  if (source.kind === "fifo") watchReader(source, stream, after)
  return transport
}

/** Takes the descriptor over. Throws, and leaves it alone, when Node can make no stream of it: a datagram socket. */
export function pipeOf(source: PipeSource, use: "read" | "write"): Pipe {
  // A socket tells of its remote's end only to who reads it; what comes is dropped.
  const readable = use === "read" || source.kind === "socket"
  const directions = { readable, writable: use === "write" }
  return {
    ...source,
    stream: source.kind === "terminal" ? terminal(source.fd, directions) : streamOf(source, directions),
  }
}

function terminal(fd: number, directions: { readonly readable: boolean; readonly writable: boolean }): Socket {
  // Why not WriteStream: it makes writes wait for the terminal, and with it the whole daemon.
  const stream = new ReadStream(fd, { ...directions, allowHalfOpen: true })
  // Platform: libuv opens a terminal once more, to have a descriptor that nobody else sets to blocking.
  const { _handle: handle } = stream as unknown as { _handle: { readonly fd: number } }
  if (handle.fd !== fd) closeSync(fd)
  return stream
}

/** Ends `stream` when nobody reads the pipe any more. */
function watchReader({ fd, path }: PipeSource, stream: Socket, after: After): void {
  const door = process.platform === "linux" ? `/proc/self/fd/${fd}` : path
  if (door === undefined) return
  let cancel = (): void => {}
  const look = (): void => {
    if (stream.destroyed) return
    if (hasNoReader(fd) ?? cannotBeOpened(door)) stream.destroy()
    else cancel = after(LOOK_MS, look)
  }
  stream.once("close", () => cancel())
  cancel = after(LOOK_MS, look)
}

/** Opens nothing that anybody could notice: there is a writer already, this very transport. */
function cannotBeOpened(door: string): boolean {
  try {
    closeSync(openSync(door, constants.O_WRONLY | constants.O_NONBLOCK))
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENXIO"
  }
}
