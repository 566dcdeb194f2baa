/** The daemon itself: who it is, how it is, and its end. */
import { z } from "zod"
import { request } from "./declare.ts"
import { DurationMs } from "./primitives.ts"

export const info = request("daemon/info", {
  since: "0.1.0",
  summary: "Who answers, and how much it holds.",
  params: z.object({}),
  result: z.object({
    name: z.literal("transportd"),
    version: z.string(),
    protocolVersion: z.int(),
    pid: z.int(),
    startId: z.string(),
    platform: z.string(),
    nodeVersion: z.string(),
    uptimeMs: z.number(),
    socket: z.string().nullable().meta({ description: "the path it listens on; null on stdio" }),
    clients: z.int(),
    transports: z.int(),
    servers: z.int(),
  }),
  example: {
    params: {},
    result: {
      name: "transportd",
      version: "0.1.0",
      protocolVersion: 1,
      pid: 4711,
      startId: "9f0c1e2d",
      platform: "linux",
      nodeVersion: "v20.19.0",
      uptimeMs: 1234.5,
      socket: "/run/user/1000/transportd/transportd.sock",
      clients: 1,
      transports: 0,
      servers: 0,
    },
  },
})

export const shutdownDaemon = request("daemon/shutdown", {
  since: "0.1.0",
  summary:
    "Ends the daemon, for all clients: no new ones, transports closed, after `graceMs` (5 s) aborted. Answered before it ends.",
  params: z.object({ graceMs: DurationMs.optional() }),
  result: z.null(),
  example: { params: {}, result: null },
})
