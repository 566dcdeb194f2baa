/** TCP: connections that are asked for, and servers with the connections that they accept. */
import type { Socket } from "node:net"
import type { ParsedParams } from "../../../protocol/registry.ts"
import type { TransportOptions } from "../../hold/channel.ts"
import { ServerHolding } from "../../hold/serverHolding.ts"
import type { StreamHolding } from "../../hold/streamHolding.ts"
import { dial } from "../../open/dial.ts"
import { listen } from "../../open/listen.ts"
import { tcpExtra, tcpTransport, type TcpOptions } from "../../transports/tcp.ts"
import type { Context, Handlers } from "../context.ts"
import { answerOpened, holdStream, named } from "../opening.ts"

export const tcpHandlers: Pick<Handlers, "loop/createConnection" | "loop/createServer"> = {
  "loop/createConnection": (params, context) =>
    named(params.options.name, context, async (id) => {
      const socket = await dial(params, context.signal)
      return answerOpened(holdSocket(socket, { id, params, context }), context)
    }),

  "loop/createServer": (params, context) =>
    named(params.options.name, context, async (id) => {
      const server = serve(id, params, context)
      if (params.startServing) await server.startServing()
      return { server: id, sockets: server.sockets }
    }),
}

interface SocketToHold {
  readonly id: number
  readonly params: TcpOptions & { readonly options: TransportOptions }
  readonly context: Context
  /** The server that accepted it. */
  readonly server?: ServerHolding
}

function holdSocket(socket: Socket, { id, params, context, server }: SocketToHold): StreamHolding {
  const { noDelay, keepAliveMs, options } = params
  const tcpOptions = { noDelay, ...(keepAliveMs !== undefined && { keepAliveMs }) }
  return holdStream(context, {
    id,
    kind: "tcp",
    extra: tcpExtra(socket, tcpOptions),
    options,
    server,
    makeStream: (events) => tcpTransport(socket, events, tcpOptions),
  })
}

function serve(id: number, params: ParsedParams<"loop/createServer">, context: Context): ServerHolding {
  const { daemon, session, afterReply } = context
  // A connection may come while a second address is still being opened: it waits until the answer has named the server.
  let waiting: Socket[] | null = []
  const accept = (socket: Socket): void => {
    if (waiting !== null) return void waiting.push(socket)
    if (!session.possessions.hasRoom) return void socket.destroy()
    holdSocket(socket, { id: daemon.table.nextId(), params, context, server }).start()
  }
  const server = new ServerHolding({
    id,
    name: params.options.name,
    owner: session,
    listen: () => listen(params, (socket) => accept(socket.on("error", () => {}))),
    ended: () => {
      daemon.table.removeServer(server)
      session.possessions.removeServer(server)
    },
  })
  daemon.table.addServer(server)
  session.possessions.addServer(server)
  afterReply(() => {
    const sockets = waiting ?? []
    waiting = null
    for (const socket of sockets) accept(socket)
  })
  return server
}
