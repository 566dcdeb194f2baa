/** The messages that open and end a connection, as in LSP. */
import { z } from "zod"
import { fromClient, request } from "./declare.ts"
import { DescriptorWay, Kind } from "./primitives.ts"

export const initialize = request("initialize", {
  since: "0.1.0",
  summary:
    "Opens the connection; nothing else is answered before it. The daemon picks the highest protocol version that both ends speak.",
  params: z.object({
    protocolVersion: z.int().meta({ description: "the highest version that the client speaks" }),
    clientInfo: z.object({ name: z.string().max(256), version: z.string().max(256).optional() }).optional(),
    processId: z
      .int()
      .min(1)
      .nullish()
      .meta({ description: "on stdio the daemon also ends when this process is gone" }),
    hostname: z.string().max(256).optional().meta({ description: "the machine that `processId` is of" }),
    heartbeatMs: z.number().min(10).max(86_400_000).optional().meta({
      description:
        "the client says something at least this often, a `$/heartbeat` notification if nothing else, and gets one for each; silent for three times as long it is taken for gone, unless its process is there and merely stopped",
    }),
    token: z.string().max(4096).optional(),
    policy: z
      .never()
      .optional()
      .meta({ description: "reserved: refused, so that nobody believes to be confined who is not" }),
    capabilities: z
      .object({ byteMessages: z.boolean().optional(), flowControl: z.boolean().optional() })
      .optional()
      .meta({ description: "what the client can take; absent means no" }),
  }),
  result: z.object({
    protocolVersion: z.int(),
    serverInfo: z.object({
      name: z.literal("transportd"),
      version: z.string(),
      pid: z.int(),
      startId: z.string().meta({ description: "another value means another daemon: old ids mean nothing to it" }),
    }),
    clientId: z.int(),
    capabilities: z.object({
      byteMessages: z.boolean(),
      flowControl: z.boolean(),
      kinds: z.array(Kind),
      descriptors: z.array(DescriptorWay).meta({
        description:
          "how descriptors come to the daemon: inherited at its start, over the channel that it was started with, over a `daemon/descriptorSocket`",
      }),
      platform: z.string(),
    }),
    limits: z.record(z.string(), z.number()),
  }),
  errors: ["VersionUnsupported", "InvalidRequest", "ShuttingDown"],
  example: {
    params: {
      protocolVersion: 1,
      clientInfo: { name: "example", version: "1.0.0" },
      capabilities: { byteMessages: true, flowControl: true },
    },
    result: {
      protocolVersion: 1,
      serverInfo: { name: "transportd", version: "0.1.0", pid: 4711, startId: "9f0c1e2d" },
      clientId: 1,
      capabilities: {
        byteMessages: true,
        flowControl: true,
        kinds: ["tcp", "subprocess"],
        descriptors: ["inherited", "socket"],
        platform: "linux",
      },
      limits: { maxMessageBytes: 16_777_216 },
    },
  },
})

export const initialized = fromClient("initialized", {
  since: "0.1.0",
  summary: "The client has taken the answer to `initialize`. The daemon does not wait for it.",
  params: z.object({}),
  example: { params: {} },
})

export const shutdown = request("shutdown", {
  since: "0.1.0",
  summary: "The client is about to leave: only `exit` may follow. What it owns is closed when it leaves.",
  params: z.object({}),
  result: z.null(),
  example: { params: {}, result: null },
})

export const exit = fromClient("exit", {
  since: "0.1.0",
  summary:
    "Ends the connection after what was asked is answered. On stdio it ends the daemon too: status 0 after `shutdown`, 1 without.",
  params: z.object({}),
  example: { params: {} },
})

export const discover = request("rpc.discover", {
  since: "0.1.0",
  summary: "The OpenRPC document of the whole interface.",
  params: z.object({}),
  result: z.record(z.string(), z.unknown()),
  example: { params: {}, result: { openrpc: "1.4.0" } },
})
