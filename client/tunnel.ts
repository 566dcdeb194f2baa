/** A connection to the daemon that becomes the bytes of one transport: a socket like any other, with no client around it. */
import type { Socket } from "node:net"
import { Peer } from "../protocol/peer.ts"
import type { RequestParams, RequestResult } from "../protocol/registry.ts"
import { PROTOCOL_VERSION } from "../protocol/version.ts"
import { join } from "./connect.ts"

export type TunnelOptions = RequestParams<"transport/tunnel"> & {
  /** The path of the daemon's socket. */
  readonly socket: string
}

export type Tunnelled = RequestResult<"transport/tunnel"> & {
  /** Who the daemon says owns the transport from then on. */
  readonly clientId: number
}

/**
 * A socket that reads what comes from a transport, from where its last owner had consumed to or from `since` on, and
 * writes to it. It is paused: nothing comes before it is piped, iterated or resumed. It is the owner from then on. Its
 * end of file is passed on, and the transport's, its loss and another owner end it; when it is closed, a transport with
 * lifetime "client" is closed too and one with lifetime "daemon" stays. After it was cut, another with `since` where this
 * one had read to goes on without a gap, as far as the transport keeps what came; what was written beyond the other's
 * `brought`, less that of this one, is to be written again.
 * Rejects with UnknownTransport, NotOwner, NotSupported for what is no two-way stream, TransportBusy, or OsFailure when
 * no daemon answers.
 */
export async function tunnel({ socket: path, ...params }: TunnelOptions): Promise<[Socket, Tunnelled]> {
  const socket = await join(path)
  let asked = false
  const peer = new Peer({
    input: socket,
    output: socket,
    notification: () => {},
    isLast: (method) => asked && method === null,
    closed: () => socket.destroy(),
  })
  try {
    const greeting = { protocolVersion: PROTOCOL_VERSION, processId: process.pid }
    const { clientId } = (await peer.request("initialize", greeting)) as RequestResult<"initialize">
    asked = true
    const tunnelled = (await peer.request("transport/tunnel", params)) as RequestResult<"transport/tunnel">
    const rest = peer.surrender()
    if (rest.length > 0) socket.unshift(rest)
    return [socket, { ...tunnelled, clientId }]
  } catch (error) {
    peer.destroy()
    throw error
  }
}
