/** The daemon itself: who it is, how it is, and its end. */
import { z } from "zod"
import { fromDaemon, request } from "./declare.ts"
import { DurationMs, Id, Kind, Name } from "./primitives.ts"

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

const Bytes = z.int().min(0)

/** How one transport does, in counts. */
const TransportStatistics = z.object({
  transport: Id,
  kind: Kind,
  name: Name.optional(),
  clientId: z.int().nullable(),
  state: z.string(),
  receivedBytes: Bytes.meta({ description: "from the remote" }),
  unreadBytes: Bytes.meta({ description: "of these, not yet consumed by the owner" }),
  retainedBytes: Bytes.meta({ description: "of these, still in memory" }),
  writtenBytes: Bytes.meta({ description: "from clients" }),
  unflushedBytes: Bytes.meta({ description: "of these, not yet handed to the system" }),
})

const ClientStatistics = z.object({
  clientId: z.int(),
  name: z.string().optional(),
  version: z.string().optional(),
  processId: z.int().optional(),
  connectedMs: z.number(),
  flowControl: z.boolean(),
  transports: z.int(),
  pendingBytes: Bytes.meta({ description: "waiting for its connection" }),
  unflushedBytes: Bytes.meta({ description: "taken from it and not yet handed to the system" }),
  ignoredMessages: z.int().meta({ description: "notifications that made no sense" }),
})

export const statistics = request("daemon/statistics", {
  since: "0.1.0",
  summary: "Counts, bytes and queue depths of everything, and how late the event loop is.",
  params: z.object({}),
  result: z.object({
    uptimeMs: z.number(),
    memory: z.object({ residentBytes: Bytes, heapBytes: Bytes, buffersBytes: Bytes }),
    eventLoopDelayMs: z
      .object({ p50: z.number(), p99: z.number(), max: z.number() })
      .meta({ description: "since the last call" }),
    totals: z
      .object({ clients: z.int(), transports: z.int(), receivedBytes: Bytes, writtenBytes: Bytes })
      .meta({ description: "since the daemon started, those that are gone included" }),
    clients: z.array(ClientStatistics),
    transports: z.array(TransportStatistics),
  }),
  example: {
    params: {},
    result: {
      uptimeMs: 1234.5,
      memory: { residentBytes: 60_000_000, heapBytes: 20_000_000, buffersBytes: 1_000_000 },
      eventLoopDelayMs: { p50: 0.1, p99: 1.2, max: 3.4 },
      totals: { clients: 1, transports: 1, receivedBytes: 5, writtenBytes: 5 },
      clients: [
        {
          clientId: 1,
          name: "example",
          connectedMs: 1000.5,
          flowControl: true,
          transports: 1,
          pendingBytes: 0,
          unflushedBytes: 0,
          ignoredMessages: 0,
        },
      ],
      transports: [
        {
          transport: 7,
          kind: "tcp",
          clientId: 1,
          state: "open",
          receivedBytes: 5,
          unreadBytes: 0,
          retainedBytes: 0,
          writtenBytes: 5,
          unflushedBytes: 0,
        },
      ],
    },
  },
})

export const watch = request("daemon/watch", {
  since: "0.1.0",
  summary: "From now on this client gets a `daemon/event` for everything that begins or ends in the daemon.",
  params: z.object({ watch: z.boolean().default(true).meta({ description: "false: no more" }) }),
  result: z.null(),
  example: { params: {}, result: null },
})

export const event = fromDaemon("daemon/event", {
  since: "0.1.0",
  summary: "Something began or ended. An event is news, not a record: `transport/list` tells how things are.",
  params: z.object({
    event: z.enum([
      "clientConnected",
      "clientGone",
      "opened",
      "attached",
      "detached",
      "ended",
      "forgotten",
      "listening",
      "closed",
      "missed",
    ]),
    count: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "of `missed`: how many were dropped here, for it read too slowly" }),
    clientId: z.int().nullable().optional().meta({ description: "whom it is about, or who owns what it is about" }),
    transport: Id.optional(),
    server: Id.optional(),
    kind: Kind.optional(),
    name: Name.optional(),
  }),
  example: { params: { event: "opened", transport: 7, kind: "tcp", clientId: 1 } },
})

export const descriptorSocket = request("daemon/descriptorSocket", {
  since: "0.1.0",
  summary:
    'Opens a Unix socket for this client alone, to hand descriptors over on: each with one line `{"descriptor": name}`, answered by one. It goes with the client; asked again, the answer is the same. Needs `"socket"` in `capabilities.descriptors`.',
  params: z.object({}),
  result: z.object({ path: z.string() }),
  errors: ["NotSupported", "OsFailure"],
  example: { params: {}, result: { path: "/tmp/transportd-x7Tq2a/descriptors.sock" } },
})

export const shutdownDaemon = request("daemon/shutdown", {
  since: "0.1.0",
  summary:
    "Ends the daemon, for all clients: no new ones, transports closed, after `graceMs` (5 s) aborted. Answered before it ends.",
  params: z.object({ graceMs: DurationMs.optional() }),
  result: z.null(),
  example: { params: {}, result: null },
})
