/** TCP sockets: their options, and what is known of them; in all else they are streams like any other. */
import type { AddressInfo, Socket } from "node:net"
import type { Extra } from "./transport.ts"

export interface TcpOptions {
  /** Small writes leave at once (asyncio's default; Node's is off). */
  readonly noDelay: boolean
  /** Idle time before the first keep-alive probe; none when absent. */
  readonly keepAliveMs?: number | undefined
}

export interface InetAddress {
  readonly host: string
  readonly port: number
  readonly family: "IPv4" | "IPv6"
}

/** Sets the options of a connected socket. */
export function tuneTcp(socket: Socket, { noDelay, keepAliveMs }: TcpOptions): void {
  socket.setNoDelay(noDelay)
  if (keepAliveMs !== undefined) socket.setKeepAlive(true, keepAliveMs)
}

/** `peername`, `sockname` and a description of the socket. */
export function tcpExtra(socket: Socket, options: TcpOptions): Extra {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const sockname = inetAddress(localAddress, localPort, socket.localFamily)
  return {
    peername: inetAddress(remoteAddress, remotePort, socket.remoteFamily),
    sockname,
    socket: { type: "stream", family: sockname?.family ?? null, ...options },
  }
}

/** The address that a listening socket is bound to. */
export function boundAddress({ address, port, family }: AddressInfo): InetAddress {
  return { host: address, port, family: family === "IPv6" ? "IPv6" : "IPv4" }
}

function inetAddress(host?: string, port?: number, family?: string): InetAddress | null {
  if (host === undefined || port === undefined) return null
  return { host, port, family: family === "IPv6" ? "IPv6" : "IPv4" }
}
