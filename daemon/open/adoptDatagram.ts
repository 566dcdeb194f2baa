/**
 * UDP sockets that somebody else opened.
 * Platform: Node tells neither the family of such a socket nor whether it is connected, and its own sockets must be made
 * knowing both. The handle under them tells.
 */
import { createSocket, type BindOptions, type Socket } from "node:dgram"
import { stateOf, type DatagramState } from "../../sockets/datagrams.ts"
import { socketFacts } from "../native/sockets.ts"
import type { NodeHandle } from "../transports/descriptor.ts"
import { unfit } from "./adopt.ts"
import type { BoundSocket } from "./bind.ts"
import type { ClientDescriptors, DescriptorRef, Taken } from "./clientDescriptors.ts"

interface UdpHandle extends NodeHandle {
  getsockname(out: Name): number
  getpeername(out: Name): number
}

interface Name {
  address?: string
  port?: number
  family?: string
}

/** `CONNECT_STATE_CONNECTED` of Node's. */
const CONNECTED = 2

/**
 * Takes over a bound UDP socket; what comes is heard once it has a listener, which must be in this turn.
 * Fails as `ClientDescriptors.take` does, and with InvalidParams for any other socket, which then stays.
 * Source: asyncio `loop.create_datagram_endpoint`, `sock`.
 */
export async function adoptDatagram(
  ref: DescriptorRef,
  descriptors: ClientDescriptors,
  signal: AbortSignal,
): Promise<BoundSocket> {
  const taken = await descriptors.take(ref, ["socket"], signal)
  const handle = handleOf(taken)
  if (handle === null) {
    taken.giveBack()
    throw unfit(ref, "a UDP socket", socketFacts(taken.fd))
  }
  const family = nameBy((out) => handle.getsockname(out))?.family === "IPv6" ? 6 : 4
  const remote = nameBy((out) => handle.getpeername(out))
  const socket = createSocket({ type: family === 4 ? "udp4" : "udp6" })
  socket.bind(handle as unknown as BindOptions)
  if (remote !== null) insideOf(socket).connectState = CONNECTED
  const { address: host = "", port = 0 } = remote ?? {}
  return { socket, family, remote: remote && { host, port }, connected: remote !== null }
}

/** Null for what is no UDP socket, which is left alone. */
function handleOf({ fd, handle }: Taken): UdpHandle | null {
  if (handle !== undefined) return "recvStart" in handle ? (handle as NodeHandle as UdpHandle) : null
  const probe = createSocket("udp4")
  try {
    // Exclusive: not a matter of Node's cluster.
    probe.bind({ fd, exclusive: true } as BindOptions)
    return insideOf(probe).handle
  } catch {
    probe.close()
    return null
  }
}

/** Nothing can be adopted where that is not found. */
function insideOf(socket: Socket): DatagramState<UdpHandle> {
  return stateOf(socket) as DatagramState<UdpHandle>
}

function nameBy(ask: (out: Name) => number): Name | null {
  const name: Name = {}
  return ask(name) === 0 ? name : null
}
