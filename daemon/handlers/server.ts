import { rpcError } from "../../protocol/errors.ts"
import { closedTransport } from "../failures.ts"
import type { ServerHolding } from "../hold/serverHolding.ts"
import type { Ref } from "../hold/table.ts"
import type { Context, HandlersOf } from "./context.ts"

export const serverHandlers: HandlersOf<"server"> = {
  "server/startServing": async ({ server: ref }, context) => {
    const server = owned(ref, context)
    await server.startServing()
    return null
  },
  "server/close": ({ server: ref }, context) => {
    if (!context.daemon.table.wasServer(ref)) owned(ref, context).close()
    return null
  },
  "server/isServing": ({ server: ref }, { daemon }) =>
    !daemon.table.wasServer(ref) && daemon.table.findServer(ref).isServing,
  "server/getInfo": ({ server: ref }, { daemon: { table } }) => {
    if (table.wasServer(ref)) throw closedTransport(ref as number)
    return table.findServer(ref).describe()
  },
  "server/attach": ({ server: ref, steal }, { daemon: { table }, session }) => {
    if (table.wasServer(ref)) throw closedTransport(ref as number)
    const server = table.findServer(ref)
    server.attach(session, steal)
    return server.describe()
  },
  "server/detach": ({ server: ref }, context) => {
    if (!context.daemon.table.wasServer(ref)) owned(ref, context).detach(context.session)
    return null
  },
  "server/list": (_params, { daemon }) => ({
    servers: [...daemon.table.servers()].map((server) => server.describe()),
  }),
}

/** The server that `ref` names, if it is this client's. */
function owned(ref: Ref, { daemon: { table }, session }: Context): ServerHolding {
  if (table.wasServer(ref)) throw closedTransport(ref as number)
  const server = table.findServer(ref)
  if (server.owner === session) return server
  throw rpcError("NotOwner", `server ${ref} belongs to another client`, { transport: ref })
}
