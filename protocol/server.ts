/** What can be asked of a listening server: asyncio's `Server`. */
import { z } from "zod"
import { request } from "./declare.ts"
import { Address, Id, Name, Ref } from "./primitives.ts"

const params = z.object({ server: Ref })
const errors = ["UnknownTransport", "NotOwner"] as const

const ServerInfo = z.object({
  server: Id,
  name: Name.optional(),
  sockets: z.array(Address).meta({ description: "empty once closed" }),
  serving: z.boolean(),
  connections: z.int().meta({ description: "accepted by it and still open" }),
})

const serverInfo = {
  server: 3,
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

export const listServers = request("server/list", {
  since: "0.1.0",
  summary: "All servers of the daemon.",
  params: z.object({}),
  result: z.object({ servers: z.array(ServerInfo) }),
  example: { params: {}, result: { servers: [serverInfo] } },
})
