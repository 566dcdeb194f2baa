/** Making transports: takes a name and an id, opens, and holds what came about. What fails leaves nothing. */
import type { Socket } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import { WRITE_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { ParsedParams, RequestResult } from "../../protocol/registry.ts"
import type { TransportOptions } from "../hold/channel.ts"
import { ProcessHolding } from "../hold/processHolding.ts"
import { ServerHolding } from "../hold/serverHolding.ts"
import { StreamHolding } from "../hold/streamHolding.ts"
import { dial } from "../open/dial.ts"
import { listen } from "../open/listen.ts"
import { spawn, type Command, type ProcessParams } from "../open/spawn.ts"
import { ProcessTransport } from "../transports/process.ts"
import { tcpExtra, tcpTransport, type TcpOptions } from "../transports/tcp.ts"
import type { Context, HandlersOf } from "./context.ts"

export const loopHandlers: HandlersOf<"loop"> = {
  "loop/createConnection": (params, context) =>
    named(params.options.name, context, async (id) => {
      const socket = await dial(params, context.signal)
      if (context.signal.aborted) socket.destroy()
      const holding = holdSocket(socket, { id, params, context })
      context.afterReply(() => holding.start())
      return { transport: id, kind: holding.kind, extra: { ...holding.extra }, writeWindowBytes: WRITE_WINDOW_BYTES }
    }),

  "loop/createServer": (params, context) =>
    named(params.options.name, context, async (id) => {
      const server = serve(id, params, context)
      if (params.startServing) await server.startServing()
      if (context.signal.aborted) server.close()
      return { server: id, sockets: server.sockets }
    }),

  "loop/subprocessExec": ({ program, args, ...params }, context) => start({ program, args }, params, context),
  "loop/subprocessShell": ({ command, ...params }, context) =>
    start({ program: "/bin/sh", args: ["-c", command] }, params, context),
}

/** Opens something under a new id and, if one is given, a name that is given back when it does not come about. */
async function named<Result>(
  name: string | undefined,
  { daemon: { table }, session }: Context,
  open: (id: number) => Promise<Result>,
): Promise<Result> {
  session.possessions.checkRoom()
  const id = table.nextId()
  table.takeName(name, id)
  try {
    return await open(id)
  } catch (error) {
    table.freeName(name)
    throw error
  }
}

interface SocketToHold {
  readonly id: number
  readonly params: TcpOptions & { readonly options: TransportOptions }
  readonly context: Context
  /** The server that accepted it. */
  readonly server?: ServerHolding
}

function holdSocket(socket: Socket, { id, params, context, server }: SocketToHold): StreamHolding {
  const { daemon, session } = context
  const { noDelay, keepAliveMs, options } = params
  const tcpOptions = { noDelay, ...(keepAliveMs !== undefined && { keepAliveMs }) }
  const disconnected = server?.connected()
  const holding = new StreamHolding({
    id,
    kind: "tcp",
    extra: tcpExtra(socket, tcpOptions),
    owner: session,
    options,
    ...(server !== undefined && { server: server.id }),
    makeStream: (events) => tcpTransport(socket, events, tcpOptions),
    ended: (ending) => {
      daemon.table.remove(holding, ending)
      session.possessions.remove(holding)
      disconnected?.()
    },
  })
  daemon.table.add(holding)
  session.possessions.add(holding)
  return holding
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

function start(
  command: Command,
  params: ProcessParams & { readonly options: TransportOptions },
  context: Context,
): Promise<RequestResult<"loop/subprocessExec">> {
  const { daemon, session } = context
  return named(params.options.name, context, async (id) => {
    const { child, pipes } = await spawn(command, params, daemon.environment)
    const holding = new ProcessHolding({
      id,
      owner: session,
      options: params.options,
      drainMs: params.drainMs,
      clock: daemon.clock,
      pipes: pipes.map(({ fd, stream }) => ({ fd, stream, id: daemon.table.nextId() })),
      makeProcess: (events) => new ProcessTransport(child, params.processGroup, events),
      ended: (ending) => {
        daemon.table.remove(holding, ending)
        session.possessions.remove(holding)
      },
    })
    daemon.table.add(holding)
    session.possessions.add(holding)
    session.possessions.addGroup(holding.process)
    if (context.signal.aborted) {
      holding.abandon()
      throw rpcError("RequestCancelled", "the start was cancelled; the process was ended")
    }
    context.afterReply(() => holding.start())
    const { kind, extra, pipes: ids } = holding
    return {
      transport: id,
      kind,
      extra: { ...extra },
      writeWindowBytes: WRITE_WINDOW_BYTES,
      pid: child.pid,
      pipes: ids,
    }
  })
}
