/**
 * A connected socket with what a holding needs to know of it: its kind, what is known of it, how it becomes a transport.
 * Whoever opens one says once what it is; whoever holds one need not ask.
 */
import type { Socket } from "node:net"
import { tcpExtra, tuneTcp, type TcpOptions } from "../transports/tcp.ts"
import { NodeStream } from "../transports/stream.ts"
import type { Extra, StreamEvents, StreamTransport } from "../transports/transport.ts"
import { unixExtra } from "../transports/unix.ts"

export interface Line {
  readonly socket: Socket
  readonly kind: "tcp" | "unix" | "tls"
  readonly extra: Extra
  /** Once: the socket is the transport's from then on. */
  makeStream(events: StreamEvents): StreamTransport
}

export function tcpLine(socket: Socket, { noDelay, keepAliveMs }: TcpOptions): Line {
  const options = { noDelay, ...(keepAliveMs !== undefined && { keepAliveMs }) }
  tuneTcp(socket, options)
  return {
    socket,
    kind: "tcp",
    extra: tcpExtra(socket, options),
    makeStream: (events) => new NodeStream(socket, events),
  }
}

/** @param peername where the remote is bound, @param sockname where this end is; empty for nowhere. */
export function unixLine(socket: Socket, { peername = "", sockname = "" }): Line {
  return {
    socket,
    kind: "unix",
    extra: unixExtra(peername, sockname),
    makeStream: (events) => new NodeStream(socket, events),
  }
}
