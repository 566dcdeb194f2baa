/** TCP: connections that are asked for, and servers with the connections that they accept. */
import type { Socket } from "node:net"
import { dial } from "../../open/dial.ts"
import { tcpLine } from "../../open/line.ts"
import { listen } from "../../open/listen.ts"
import type { Handlers } from "../context.ts"
import { answerOpened, holdLine, named } from "../opening.ts"
import { clientSide, secured, serverSide } from "../security.ts"
import { serve } from "../serving.ts"

export const tcpHandlers: Pick<Handlers, "loop/createConnection" | "loop/createServer"> = {
  "loop/createConnection": (params, context) =>
    named(params.options, context, async (id) => {
      const security = await clientSide(params, params.host)
      const plain = tcpLine(await dial(params, context.signal), params)
      const line = await secured(plain, security, context)
      return answerOpened(holdLine(context, line, { id, options: params.options }), context)
    }),

  "loop/createServer": (params, context) =>
    named(params.options, context, async (id) => {
      const { startServing, options } = params
      const service = {
        security: await serverSide(params),
        startServing,
        options,
        listen: (onConnection: (socket: Socket) => void) => listen(params, onConnection),
        line: (socket: Socket) => tcpLine(socket, params),
      }
      return serve(id, service, context)
    }),
}
