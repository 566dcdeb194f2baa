/**
 * Stream sockets that somebody else opened: connections, and sockets to listen on.
 *
 * Without the C library Node tells little of a socket: then one that is of no use here is found out by what becomes of
 * it, and the addresses of Unix sockets stay empty.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import { openFailure } from "../failures.ts"
import type { ListeningSocket } from "../hold/serverHolding.ts"
import { socketFacts, type SocketFacts } from "../native/sockets.ts"
import { streamOf, type NodeHandle } from "../transports/descriptor.ts"
import { boundAddress, type TcpOptions } from "../transports/tcp.ts"
import type { ClientDescriptors, DescriptorRef, Taken } from "./clientDescriptors.ts"
import { tcpLine, unixLine, type Line } from "./line.ts"
import { listening } from "./socketFile.ts"

/** Where sockets are taken from, and what they may be. */
export interface Adoption {
  readonly descriptors: ClientDescriptors
  readonly signal: AbortSignal
  /** Whether only a Unix socket will do. */
  readonly unixOnly?: boolean
  /** For TCP. */
  readonly tcp: TcpOptions
}

/**
 * Takes over a connection that is open; nothing is read from it yet.
 * Fails as `ClientDescriptors.take` does, and with InvalidParams for what is no connected stream socket.
 */
export async function adoptConnection(ref: DescriptorRef, adoption: Adoption): Promise<Line> {
  const { handle, facts } = await takeStream(ref, "connected", adoption)
  const socket = streamOf({ fd: handle.fd, handle })
  return isTcp(handle) ? tcpLine(socket, adoption.tcp) : unixLine(socket, facts ?? {})
}

/** A socket that is bound, and is listened on when its server comes to serve. */
export interface AdoptedListener {
  /** Once. Fails with what the system says; the socket is closed then. */
  listen(onConnection: (socket: Socket) => void): Promise<ListeningSocket[]>
  /** What a connection is. */
  line(socket: Socket): Line
  /** The server has ended: closes the socket unless `listen` had it. */
  drop(): void
}

/** Takes over a socket that is bound, or listens already. Fails as {@link adoptConnection} does. */
export async function adoptListener(
  ref: DescriptorRef,
  adoption: Adoption & { readonly backlog: number },
): Promise<AdoptedListener> {
  const { handle, facts } = await takeStream(ref, "bound", adoption)
  const { sockname = "" } = facts ?? {}
  let isIdle = true
  return {
    async listen(onConnection) {
      if (!isIdle) throw rpcError("InvalidParams", `descriptor ${ref} could not be listened on, and is closed`)
      isIdle = false
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection)
      await listening(server, () => listenOn(server, handle, adoption.backlog)).catch((error: unknown) => {
        throw openFailure(error)
      })
      const address = isTcp(handle) ? boundAddress(server.address() as AddressInfo) : { path: sockname }
      return [{ server, address }]
    },
    line: (socket) => (isTcp(handle) ? tcpLine(socket, adoption.tcp) : unixLine(socket, { sockname })),
    drop() {
      if (isIdle) handle.close()
    },
  }
}

/** Platform: `listen(handle)` makes a second owner of a Unix socket's descriptor; this is what it does for TCP. */
function listenOn(server: Server, handle: NodeHandle, backlog: number): void {
  const inner = server as unknown as {
    _handle: NodeHandle
    _listen2(address: undefined, port: undefined, addressType: undefined, backlog: number): void
  }
  inner._handle = handle
  inner._listen2(undefined, undefined, undefined, backlog)
}

type Use = "connected" | "bound"

/** Takes a stream socket, in the form of Node's handle for it. What is known to be of no use stays where it is. */
async function takeStream(
  ref: DescriptorRef,
  use: Use,
  { descriptors, signal, unixOnly = false }: Adoption,
): Promise<{ readonly handle: NodeHandle; readonly facts: SocketFacts | null }> {
  const taken = await descriptors.take(ref, ["socket"], signal)
  const facts = socketFacts(taken.fd)
  const handle = facts === null || fits(facts, use, unixOnly) ? streamHandle(taken) : null
  if (handle !== null && !(unixOnly && isTcp(handle))) return { handle, facts }
  if (handle === null) taken.giveBack()
  else handle.close()
  throw unfit(ref, `a ${use === "connected" ? "connected " : ""}${unixOnly ? "Unix" : "stream"} socket`, facts)
}

function fits({ family, type, listening: isListening }: SocketFacts, use: Use, unixOnly: boolean): boolean {
  const isOfFamily = unixOnly ? family === "Unix" : family !== "other"
  return type === "stream" && isOfFamily && (use === "bound" || !isListening)
}

/** Null for what is no stream socket, which is left alone. */
function streamHandle(taken: Taken): NodeHandle | null {
  if (taken.handle !== undefined) return "readStop" in taken.handle ? taken.handle : null
  try {
    const socket = streamOf(taken) as unknown as { _handle: NodeHandle | null }
    const handle = socket._handle
    socket._handle = null
    return handle
  } catch {
    return null
  }
}

/** Only of a Unix socket Node cannot tell where it is bound. */
function isTcp(handle: NodeHandle): boolean {
  return "getsockname" in handle
}

/** A socket that is not what is `wanted`, and what it is, where that is known. */
export function unfit(ref: DescriptorRef, wanted: string, facts: SocketFacts | null = null): Error {
  const words = facts === null ? [] : [facts.listening && "listening", facts.family, facts.type]
  const known = words.filter((word) => word !== false && word !== "other").join(" ")
  return rpcError("InvalidParams", `descriptor ${ref}${known === "" ? "" : ` (${known})`} is not ${wanted}`)
}
