/** Unix sockets: connections that are asked for, and servers with the connections that they accept. */
import type { Socket } from "node:net"
import type { ParsedParams } from "../../../protocol/registry.ts"
import { adoptConnection, adoptListener, type Adoption } from "../../open/adopt.ts"
import { dialUnix, type DialUnixParams } from "../../open/dialUnix.ts"
import { unixLine, type Line } from "../../open/line.ts"
import { listenUnix, type ListenUnixParams } from "../../open/listenUnix.ts"
import type { Context, Handlers } from "../context.ts"
import { answerOpened, holdLine, named } from "../opening.ts"
import { clientSide, secured, serverSide } from "../security.ts"
import { serve, type Service } from "../serving.ts"

export const unixHandlers: Pick<Handlers, "loop/createUnixConnection" | "loop/createUnixServer"> = {
  "loop/createUnixConnection": (params, context) =>
    named(params.options, context, async (id) => {
      const security = await clientSide(params)
      const line = await secured(await connected(params, context), security, context)
      return answerOpened(holdLine(context, line, { id, options: params.options }), context)
    }),

  "loop/createUnixServer": (params, context) =>
    named(params.options, context, async (id) => {
      const { startServing, options } = params
      const security = await serverSide(params)
      return serve(id, { security, startServing, options, ...(await door(params, context)) }, context)
    }),
}

function adoption({ session: { descriptors }, signal }: Context): Adoption {
  return { descriptors, signal, unixOnly: true, tcp: { noDelay: true } }
}

async function connected(params: ParsedParams<"loop/createUnixConnection">, context: Context): Promise<Line> {
  if (params.fd !== undefined) return adoptConnection(params.fd, adoption(context))
  return unixLine(await dialUnix(params as DialUnixParams, context.signal), { peername: params.path ?? "" })
}

async function door(
  params: ParsedParams<"loop/createUnixServer">,
  context: Context,
): Promise<Pick<Service, "listen" | "line" | "drop">> {
  const { fd, path = "", backlog } = params
  if (fd !== undefined) return adoptListener(fd, { ...adoption(context), backlog })
  return {
    listen: (onConnection: (socket: Socket) => void) => listenUnix(params as ListenUnixParams, onConnection),
    line: (socket: Socket) => unixLine(socket, { sockname: path }),
  }
}
