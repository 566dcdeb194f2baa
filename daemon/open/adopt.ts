/**
 * Stream sockets that somebody else opened: connections, and sockets to listen on.
 *
 * Without the C library Node tells little of a socket: then one that is of no use here is found out by what becomes of
 * it, and the addresses of Unix sockets stay empty.
 */
import { createServer, type Server, type Socket } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import { openFailure } from "../failures.ts"
import type { ListeningSocket } from "../hold/serverHolding.ts"
import { socketFacts, type SocketFacts } from "../native/sockets.ts"
import { owned, streamOf, type NodeHandle } from "../transports/descriptor.ts"
import { boundAddress, type TcpOptions } from "../transports/tcp.ts"
import type { ClientDescriptors, DescriptorRef, Taken } from "./clientDescriptors.ts"
import { tcpLine, unixLine, type Line } from "./line.ts"

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
  const taken = await adoption.descriptors.take(ref, ["socket"], adoption.signal)
  const facts = checked(taken, "connected", adoption)
  const socket = made(taken)
  // Only a Unix socket has an address that Node cannot tell.
  if (socket.localAddress === undefined) return unixLine(socket, facts ?? {})
  if (adoption.unixOnly !== true) return tcpLine(socket, adoption.tcp)
  socket.destroy()
  throw unfit(ref, "a Unix socket")
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
  const taken = await adoption.descriptors.take(ref, ["socket"], adoption.signal)
  const facts = checked(taken, "bound", adoption)
  let idle: Taken | null = taken
  let sockname = facts?.sockname ?? ""
  return {
    async listen(onConnection) {
      if (idle === null) throw rpcError("InvalidParams", `descriptor ${ref} could not be listened on, and is closed`)
      idle = null
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection)
      await listening(server, taken, adoption.backlog)
      const address = server.address()
      if (address !== null && typeof address === "object" && adoption.unixOnly === true) {
        server.close()
        throw unfit(ref, "a Unix socket")
      }
      if (typeof address === "string") sockname = address
      return [
        {
          server,
          address: address === null || typeof address === "string" ? { path: sockname } : boundAddress(address),
        },
      ]
    },
    line: (socket) =>
      socket.localAddress === undefined ? unixLine(socket, { sockname }) : tcpLine(socket, adoption.tcp),
    drop: () => idle?.close(),
  }
}

/** Listens in this very call; the promise only tells how it went. A failure closes the socket. */
function listening(server: Server, source: Taken, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(openFailure(error) as Error))
    server.once("listening", () => {
      // A failed accept (EMFILE) must not end the daemon; the next one is tried all the same.
      server.removeAllListeners("error").on("error", () => {})
      resolve()
    })
    const way = owned(source)
    if ("fd" in way) server.listen({ fd: way.fd, backlog })
    else listenOnHandle(server, way.handle, backlog)
  })
}

/** Platform: `listen(handle)` makes a second owner of a Unix socket's descriptor; this is what it does for TCP. */
function listenOnHandle(server: Server, handle: NodeHandle, backlog: number): void {
  const inner = server as unknown as {
    _handle: NodeHandle
    _listen2(address: null, port: null, addressType: null, backlog: number): void
  }
  inner._handle = handle
  inner._listen2(null, null, null, backlog)
}

/** Refuses, where it can be told, what the socket cannot be used for; it stays then. */
function checked(taken: Taken, use: "connected" | "bound", { unixOnly = false }: Adoption): SocketFacts | null {
  const facts = socketFacts(taken.fd)
  if (facts === null) return null
  const isOfFamily = unixOnly ? facts.family === "Unix" : facts.family !== "other"
  if (facts.type === "stream" && isOfFamily && (use === "bound" || !facts.listening)) return facts
  taken.giveBack()
  throw unfit(taken.ref, `a ${use === "connected" ? "connected " : ""}${unixOnly ? "Unix" : "stream"} socket`, facts)
}

/** What Node makes of a socket that nobody can tell more of; it stays when that is nothing. */
function made(taken: Taken): Socket {
  try {
    return streamOf(taken)
  } catch {
    taken.giveBack()
    throw unfit(taken.ref, "a stream socket")
  }
}

/** A socket that is not what is `wanted`, and what it is, where that is known. */
export function unfit(ref: DescriptorRef, wanted: string, facts: SocketFacts | null = null): Error {
  const words = facts === null ? [] : [facts.listening && "listening", facts.family, facts.type]
  const known = words.filter((word) => word !== false && word !== "other").join(" ")
  return rpcError("InvalidParams", `descriptor ${ref}${known === "" ? "" : ` (${known})`} is not ${wanted}`)
}
