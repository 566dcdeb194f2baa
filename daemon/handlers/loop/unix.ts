/** Unix sockets: connections that are asked for, and servers with the connections that they accept. */
import type { Socket } from "node:net"
import { dialUnix } from "../../open/dialUnix.ts"
import { unixLine } from "../../open/line.ts"
import { listenUnix } from "../../open/listenUnix.ts"
import type { Handlers } from "../context.ts"
import { answerOpened, holdLine, named } from "../opening.ts"
import { clientSide, secured, serverSide } from "../security.ts"
import { serve } from "../serving.ts"

export const unixHandlers: Pick<Handlers, "loop/createUnixConnection" | "loop/createUnixServer"> = {
  "loop/createUnixConnection": (params, context) =>
    named(params.options, context, async (id) => {
      const security = await clientSide(params)
      const plain = unixLine(await dialUnix(params, context.signal), { peername: params.path })
      const line = await secured(plain, security, context)
      return answerOpened(holdLine(context, line, { id, options: params.options }), context)
    }),

  "loop/createUnixServer": (params, context) =>
    named(params.options, context, async (id) => {
      const { startServing, options, path } = params
      const service = {
        security: await serverSide(params),
        startServing,
        options,
        listen: (onConnection: (socket: Socket) => void) => listenUnix(params, onConnection),
        line: (socket: Socket) => unixLine(socket, { sockname: path }),
      }
      return serve(id, service, context)
    }),
}
