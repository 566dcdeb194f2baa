/** What servers of every kind share: connections that come too early wait, those that cannot be held are dropped. */
import type { Socket } from "node:net"
import { RpcError } from "../../protocol/errors.ts"
import { MAX_HANDSHAKES } from "../../protocol/limits.ts"
import type { TransportOptions } from "../hold/keeping.ts"
import { ServerHolding, type ServerHoldingOptions } from "../hold/serverHolding.ts"
import type { Line } from "../open/line.ts"
import type { Security } from "../open/secure.ts"
import { SHARED_READS, withReads } from "../../sockets/reading.ts"
import { unheard } from "../transports/stream.ts"
import type { Context } from "./context.ts"
import { holdLine } from "./opening.ts"
import { secured } from "./security.ts"

type Listening = Awaited<ReturnType<ServerHoldingOptions["listen"]>>

export interface Service {
  readonly startServing: boolean
  readonly options: TransportOptions
  /** What connections go through before they are announced; null for nothing. */
  readonly security: Security | null
  /** Opens the listening sockets; connections are handed on as they come. */
  listen(onConnection: (socket: Socket) => void): Promise<Listening>
  /** What a connection is. */
  line(socket: Socket): Line
  /** The server has ended. */
  drop?(): void
}

/** Makes a server under `id`. The answer names it; its connections are announced behind that. */
export async function serve(
  id: number,
  service: Service,
  context: Context,
): Promise<{ server: number; sockets: ServerHolding["sockets"] }> {
  const server = enterServer(id, service, context)
  try {
    if (service.startServing) await server.startServing()
  } catch (error) {
    server.close()
    throw error
  }
  return { server: id, sockets: server.sockets }
}

function enterServer(id: number, service: Service, context: Context): ServerHolding {
  const { options, security } = service
  const { daemon, session, afterReply } = context
  // A connection may come while a second address is still being opened: it waits until the answer has named the server.
  let waiting: Line[] | null = []
  const accept = (connection: Line): void => {
    if (waiting !== null) return void waiting.push(connection)
    if (!(server.owner?.possessions ?? daemon.estate).hasRoom) return void connection.socket.destroy()
    holdLine(context, connection, { id: daemon.table.nextId(), options, server }).start()
  }
  const door = new Door(security, context, accept)
  const server = new ServerHolding({
    id,
    name: options.name,
    lifetime: options.lifetime,
    owner: session,
    listen: () =>
      service.listen((accepted) => {
        // What TLS reads it takes from Node's own hands.
        const socket = security === null ? withReads(accepted, SHARED_READS) : accepted
        door.enter(service.line(socket.on("error", unheard)))
      }),
    ended: () => {
      door.close()
      service.drop?.()
      daemon.watchers.announce({ event: "closed", server: id })
      daemon.table.removeServer(server)
      daemon.estate.removeServer(server)
    },
  })
  daemon.table.addServer(server)
  const bearer = options.name === undefined ? {} : { name: options.name }
  daemon.watchers.announce({ event: "listening", server: id, ...bearer, clientId: session.id })
  if (server.lifetime === "daemon") daemon.estate.addServer(server)
  afterReply(() => {
    const connections = waiting ?? []
    waiting = null
    for (const connection of connections) accept(connection)
  })
  return server
}

/** Where connections of a server go through their handshake: one that fails costs itself, and nobody hears of it. */
class Door {
  readonly #security: Security | null
  readonly #context: Context
  readonly #accept: (line: Line) => void
  readonly #closing = new AbortController()
  #handshakes = 0

  constructor(security: Security | null, context: Context, accept: (line: Line) => void) {
    this.#security = security
    // The request that made the server may be over, or cancelled: only the server's own end counts.
    this.#context = { ...context, signal: this.#closing.signal }
    this.#accept = accept
  }

  enter(line: Line): void {
    if (this.#security === null) this.#accept(line)
    else if (this.#handshakes < MAX_HANDSHAKES) void this.#shake(line)
    else line.socket.destroy()
  }

  /** Drops the connections that nobody has heard of. */
  close(): void {
    this.#closing.abort()
  }

  async #shake(line: Line): Promise<void> {
    this.#handshakes++
    try {
      this.#accept(await secured(line, this.#security, this.#context))
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
    } finally {
      this.#handshakes--
    }
  }
}
