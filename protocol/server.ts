/** What can be asked of a listening server: asyncio's `Server`. */
import { z } from "zod"
import { request } from "./declare.ts"
import { Address, Id, Name, Ref } from "./primitives.ts"

const params = z.object({ server: Ref })
const errors = ["UnknownTransport", "NotOwner"] as const

const ServerInfo = z.object({
  server: Id,
  name: Name.optional(),
  clientId: z.int().nullable().meta({ description: "the client that hears of its connections" }),
  lifetime: z.enum(["client", "daemon"]),
  sockets: z.array(Address).meta({ description: "empty once closed" }),
  serving: z.boolean(),
  connections: z.int().meta({ description: "accepted by it and still open" }),
})

const serverInfo = {
  server: 3,
  clientId: 1,
  lifetime: "client" as const,
  sockets: [{ host: "127.0.0.1", port: 40_001, family: "IPv4" as const }],
  serving: true,
  connections: 0,
}

export const startServing = request("server/startServing", {
  since: "0.1.0",
  summary: "Starts to accept connections. Again: no effect.",
  params,
  result: z.null(),
  errors: [...errors, "TransportClosed", "OsFailure"],
  example: { params: { server: 3 }, result: null },
})

export const closeServer = request("server/close", {
  since: "0.1.0",
  summary: "Stops listening. Connections that it accepted live on. Again: no effect.",
  params,
  result: z.null(),
  errors,
  example: { params: { server: 3 }, result: null },
})

export const isServing = request("server/isServing", {
  since: "0.1.0",
  summary: "Whether it accepts connections.",
  params,
  result: z.boolean(),
  errors,
  example: { params: { server: 3 }, result: true },
})

export const getServerInfo = request("server/getInfo", {
  since: "0.1.0",
  summary: "Its sockets and state.",
  params,
  result: ServerInfo,
  errors,
  example: { params: { server: 3 }, result: serverInfo },
})

export const attachServer = request("server/attach", {
  since: "0.1.0",
  summary:
    "From now on this client hears of the connections that the server accepts. Those of before are in `transport/list`, each to be attached by itself.",
  params: params.extend({ steal: z.boolean().default(false).meta({ description: "take over from another client" }) }),
  result: ServerInfo,
  errors: [...errors, "TransportClosed"],
  example: { params: { server: 3 }, result: serverInfo },
})

export const detachServer = request("server/detach", {
  since: "0.1.0",
  summary: "This client hears no more of it. A server with lifetime client is closed.",
  params,
  result: z.null(),
  errors,
  example: { params: { server: 3 }, result: null },
})

export const listServers = request("server/list", {
  since: "0.1.0",
  summary: "All servers of the daemon.",
  params: z.object({}),
  result: z.object({ servers: z.array(ServerInfo) }),
  example: { params: {}, result: { servers: [serverInfo] } },
})
