/** TCP: connections that are asked for or were accepted elsewhere, and servers with the connections that they accept. */
import type { Socket } from "node:net"
import type { ParsedParams } from "../../../protocol/registry.ts"
import { adoptConnection, adoptListener, type Adoption } from "../../open/adopt.ts"
import { dial, type DialParams } from "../../open/dial.ts"
import { tcpLine, type Line } from "../../open/line.ts"
import { listen, type ListenParams } from "../../open/listen.ts"
import type { TcpOptions } from "../../transports/tcp.ts"
import type { Context, Handlers } from "../context.ts"
import { answerOpened, holdLine, named } from "../opening.ts"
import { clientSide, secured, serverSide } from "../security.ts"
import { serve, type Service } from "../serving.ts"

export const tcpHandlers: Pick<Handlers, "loop/createConnection" | "loop/createServer" | "loop/connectAcceptedSocket"> =
  {
    "loop/createConnection": (params, context) =>
      named(params.options, context, async (id) => {
        const security = await clientSide(params, params.host)
        const line = await secured(await connected(params, context), security, context)
        return answerOpened(holdLine(context, line, { id, options: params.options }), context)
      }),

    "loop/connectAcceptedSocket": (params, context) =>
      named(params.options, context, async (id) => {
        const security = await serverSide(params)
        const plain = await adoptConnection(params.fd, adoption(params, context))
        const line = await secured(plain, security, context)
        return answerOpened(holdLine(context, line, { id, options: params.options }), context)
      }),

    "loop/createServer": (params, context) =>
      named(params.options, context, async (id) => {
        const { startServing, options } = params
        const security = await serverSide(params)
        return serve(id, { security, startServing, options, ...(await door(params, context)) }, context)
      }),
  }

function adoption(tcp: TcpOptions, { session: { descriptors }, signal }: Context): Adoption {
  return { descriptors, signal, tcp }
}

async function connected(params: ParsedParams<"loop/createConnection">, context: Context): Promise<Line> {
  if (params.fd !== undefined) return adoptConnection(params.fd, adoption(params, context))
  return tcpLine(await dial(params as DialParams, context.signal), params)
}

async function door(
  params: ParsedParams<"loop/createServer">,
  context: Context,
): Promise<Pick<Service, "listen" | "line" | "drop">> {
  const { fd, backlog } = params
  if (fd !== undefined) return adoptListener(fd, { ...adoption(params, context), backlog })
  return {
    listen: (onConnection: (socket: Socket) => void) => listen(params as ListenParams, onConnection),
    line: (socket: Socket) => tcpLine(socket, params),
  }
}
