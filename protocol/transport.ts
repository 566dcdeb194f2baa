/** What can be done with an open transport: the methods of asyncio's transports, and the flow control beside them. */
import { z } from "zod"
import { Multicast } from "./datagram.ts"
import { fromClient, fromDaemon, request, requestOrNotification } from "./declare.ts"
import type { ErrorName } from "./errors.ts"
import {
  Bytes,
  Id,
  Kind,
  Name,
  Offset,
  Opened,
  OpenedProcess,
  payload,
  Ref,
  takePayload,
  TerminalSize,
  TransportOptions,
  WireErrorShape,
  WriteBufferLimits,
} from "./primitives.ts"

const of = z.object({ transport: Ref })
const access = [
  "UnknownTransport",
  "TransportClosed",
  "TransportBroken",
  "NotOwner",
  "NotSupported",
] as const satisfies ErrorName[]

/** A request or notification that takes a transport and answers nothing. */
function action<const Method extends string>(name: Method, summary: string, more: readonly ErrorName[] = []) {
  return requestOrNotification(`transport/${name}`, {
    since: "0.1.0",
    summary,
    params: of,
    result: z.null(),
    errors: [...access, ...more],
    example: { params: { transport: 7 }, result: null },
  })
}

export const write = requestOrNotification("transport/write", {
  since: "0.1.0",
  summary:
    "Writes bytes. As a request it is answered when the bytes were handed to the system. With `offset`, bytes below what was already accepted are skipped, which makes a retry harmless.",
  params: z.object({ transport: Ref, ...payload, offset: Offset.optional() }).transform(takePayload),
  result: z.null(),
  errors: [...access, "WindowExceeded", "InvalidParams"],
  example: { params: { transport: 7, data: "aGVsbG8=" }, result: null },
})

export const writelines = requestOrNotification("transport/writelines", {
  since: "0.1.0",
  summary: "Writes each element in order; the same as as many `transport/write`.",
  params: z.object({ transport: Ref, data: z.array(Bytes) }),
  result: z.null(),
  errors: [...access, "WindowExceeded"],
  example: { params: { transport: 7, data: ["aGVsbG8=", "Cg=="] }, result: null },
})

export const writeEof = action(
  "writeEof",
  "Ends the writing side after flushing; reading goes on. Again, and after `close`: no effect.",
)
export const pauseReading = action(
  "pauseReading",
  "No data, end or loss of the remote is delivered until `resumeReading`.",
)
export const resumeReading = action("resumeReading", "Undoes any number of `pauseReading`.")
export const close = action(
  "close",
  "Flushes what was written, then ends: `connectionLost` follows with a null error. A process is killed. Again: no effect.",
)
export const abort = action("abort", "Ends at once; what was not flushed is lost. Again: no effect.")
export const terminate = action("terminate", "Sends SIGTERM to the process.", ["NoSuchProcess"])
export const kill = action("kill", "Sends SIGKILL to the process.", ["NoSuchProcess"])

export const sendSignal = requestOrNotification("transport/sendSignal", {
  since: "0.1.0",
  summary: "Sends a signal to the process (not to its group). Between its exit and `connectionLost`: no effect.",
  params: of.extend({
    signal: z.union([z.int().min(1).max(64), z.string().regex(/^SIG[A-Z0-9]{1,12}$/)]),
  }),
  result: z.null(),
  errors: [...access, "NoSuchProcess", "InvalidParams"],
  example: { params: { transport: 8, signal: "SIGHUP" }, result: null },
})

export const resize = requestOrNotification("transport/resize", {
  since: "0.1.0",
  summary:
    "Changes the size of a terminal; what runs in its foreground gets SIGWINCH. Between the exit and `connectionLost`: no effect.",
  params: of.extend({ columns: TerminalSize.shape.columns.unwrap(), rows: TerminalSize.shape.rows.unwrap() }),
  result: z.null(),
  errors: [...access, "InvalidParams"],
  example: { params: { transport: 8, columns: 120, rows: 40 }, result: null },
})

/** A request that takes a transport and answers one value. */
function question<const Method extends string, Result extends z.ZodType>(
  name: Method,
  summary: string,
  result: Result,
  example: z.input<Result>,
) {
  return request(`transport/${name}`, {
    since: "0.1.0",
    summary,
    params: of,
    result,
    errors: access,
    example: { params: { transport: 7 }, result: example },
  })
}

const Limits = z.object({ highBytes: z.int(), lowBytes: z.int() })

export const isReading = question("isReading", "Whether data is being received.", z.boolean(), true)
export const isClosing = question("isClosing", "Whether it is closing or closed.", z.boolean(), false)
export const canWriteEof = question("canWriteEof", "Whether `writeEof` is supported.", z.boolean(), true)
export const getWriteBufferSize = question(
  "getWriteBufferSize",
  "Bytes that the daemon took and the system did not yet.",
  z.int(),
  0,
)
export const getWriteBufferLimits = question("getWriteBufferLimits", "The water marks.", Limits, {
  highBytes: 65_536,
  lowBytes: 16_384,
})
export const getPid = question("getPid", "The process id, also between its exit and `connectionLost`.", z.int(), 4712)
export const getReturncode = question(
  "getReturncode",
  "The exit status, minus the number of the signal that ended it, or null while it runs.",
  z.int().nullable(),
  0,
)

export const setWriteBufferLimits = request("transport/setWriteBufferLimits", {
  since: "0.1.0",
  summary:
    "Sets the water marks. Pauses at once when the buffer is now strictly over high. Given alone, high means low = high / 4 and low means high = 4 × low; neither, the defaults.",
  params: of.extend(WriteBufferLimits.shape),
  result: z.null(),
  errors: [...access, "InvalidParams"],
  example: { params: { transport: 7, highBytes: 1000, lowBytes: 100 }, result: null },
})

export const getExtraInfo = request("transport/getExtraInfo", {
  since: "0.1.0",
  summary:
    "What is known of the transport under `name` (`peername`, `sockname`, `socket`, `pipe`, `subprocess`, …); `default`, else null, for what is not. Live objects are given as descriptions.",
  params: of.extend({ name: z.string().max(256), default: z.unknown().optional() }),
  result: z.unknown(),
  errors: access,
  example: {
    params: { transport: 7, name: "peername" },
    result: { host: "127.0.0.1", port: 8888, family: "IPv4" },
  },
})

export const getPipeTransport = request("transport/getPipeTransport", {
  since: "0.1.0",
  summary: "The id of the pipe to the child's descriptor 0, 1 or 2; null for any other and for one that is no pipe.",
  params: of.extend({ fd: z.int() }),
  result: Id.nullable(),
  errors: access,
  example: { params: { transport: 8, fd: 1 }, result: 10 },
})

export const configure = request("transport/configure", {
  since: "0.1.0",
  summary: "Changes options of an open transport; what is absent stays. Bytes already sent are not sent again.",
  params: of.extend({
    encoding: TransportOptions.shape.encoding.unwrap().optional(),
    onEof: TransportOptions.shape.onEof.unwrap().optional(),
    readWindowBytes: TransportOptions.shape.readWindowBytes.unwrap().optional(),
    multicast: Multicast.optional().meta({
      description: "datagram endpoints only; what the system refuses is OsFailure, and what came before it stays",
    }),
  }),
  result: z.null(),
  errors: [...access, "OsFailure"],
  example: { params: { transport: 7, encoding: "utf8" }, result: null },
})

const Role = z
  .enum(["owner", "observer"])
  .meta({ description: "an owner writes and its reading is the brake; any number of observers only read" })

const Range = z.object({ from: Offset, to: Offset })

const Description = z.object({
  transport: Id,
  kind: Kind,
  name: Name.optional(),
  server: Id.optional().meta({ description: "the server that accepted it" }),
  clientId: z.int().nullable().meta({ description: "the client that owns it" }),
  lifetime: z.enum(["client", "daemon"]),
  state: z.enum(["opening", "open", "closing", "ended"]),
  extra: z.record(z.string(), z.unknown()),
  pid: z.int().optional(),
  returncode: z.int().nullish(),
  attachments: z.array(z.object({ clientId: z.int(), role: Role })),
  channels: z
    .array(
      z.object({
        id: Id,
        fd: z.int().optional().meta({ description: "for the pipes of a process" }),
        received: Offset.meta({ description: "bytes that came from the remote" }),
        sent: Offset.meta({ description: "of these, sent to the client" }),
        consumed: Offset.meta({ description: "of these, consumed by the client" }),
        retained: Range.meta({ description: "of these, still here for a client that comes" }),
        written: Offset.meta({ description: "bytes that came from the client" }),
        flushed: Offset.meta({ description: "of these, handed to the system" }),
        brought: Offset.meta({
          description: "beside these, bytes that came from files, other transports and tunnels",
        }),
        moved: Offset.meta({ description: "of these, handed to the system" }),
      }),
    )
    .meta({ description: "one, or one per pipe of a process" }),
})

const description = {
  transport: 7,
  kind: "tcp" as const,
  clientId: 1,
  lifetime: "client" as const,
  state: "open" as const,
  extra: { peername: { host: "127.0.0.1", port: 8888, family: "IPv4" } },
  attachments: [{ clientId: 1, role: "owner" as const }],
  channels: [
    {
      id: 7,
      received: 5,
      sent: 5,
      consumed: 5,
      retained: { from: 5, to: 5 },
      written: 5,
      flushed: 5,
      brought: 0,
      moved: 0,
    },
  ],
}

export const list = request("transport/list", {
  since: "0.1.0",
  summary: "All transports of the daemon, whoever owns them.",
  params: z.object({}),
  result: z.object({ transports: z.array(Description) }),
  example: { params: {}, result: { transports: [description] } },
})

export const describe = request("transport/describe", {
  since: "0.1.0",
  summary: "One transport: its state, its counts, who owns it.",
  params: of,
  result: Description,
  errors: ["UnknownTransport", "TransportClosed", "TransportBroken"],
  example: { params: { transport: 7 }, result: description },
})

/** Where delivery starts, and what is known of one channel, for a client that comes back. */
const Position = z.object({
  id: Id,
  fd: z.int().optional().meta({ description: "for the pipes of a process" }),
  offset: Offset.meta({ description: "where delivery starts" }),
  retained: Range.meta({ description: "what was still here" }),
  written: Offset.meta({ description: "bytes accepted from clients so far: write on from here" }),
  flushed: Offset.meta({ description: "of these, handed to the system" }),
})

const Since = z.union([Offset, z.enum(["start", "now"])])

export const attach = request("transport/attach", {
  since: "0.1.0",
  summary:
    "Attaches to an open transport, or to one that ended not long ago. Delivery goes on from `since`; what is gone from there is a `protocol/bytesLost` first. There is no `connectionMade`: the answer says what it would.",
  params: of.extend({
    since: z
      .union([Since, z.partialRecord(z.enum(["0", "1", "2"]), Since)])
      .optional()
      .meta({
        description:
          "an offset, `start` or `now`, for a process by descriptor too; absent: where the last owner had consumed to",
      }),
    role: Role.default("owner"),
    steal: z
      .boolean()
      .default(false)
      .meta({ description: "take over from another owner, which hears `transport/detached`" }),
    encoding: TransportOptions.shape.encoding.unwrap().optional(),
    readWindowBytes: TransportOptions.shape.readWindowBytes.unwrap().optional(),
    paused: z.boolean().default(false),
  }),
  result: Opened.extend({
    pid: z.int().optional(),
    pipes: OpenedProcess.shape.pipes.optional(),
    ...Position.omit({ id: true, fd: true }).shape,
    channels: z.array(Position).meta({
      description: "one, or one per pipe of a process; the fields above are those of the first that can be read",
    }),
  }),
  errors: ["UnknownTransport", "TransportClosed", "TransportBroken", "NotOwner", "InvalidParams"],
  example: {
    params: { transport: 7, since: "start" },
    result: {
      transport: 7,
      kind: "tcp",
      extra: {},
      writeWindowBytes: 1_048_576,
      offset: 0,
      retained: { from: 0, to: 5 },
      written: 5,
      flushed: 5,
      channels: [{ id: 7, offset: 0, retained: { from: 0, to: 5 }, written: 5, flushed: 5 }],
    },
  },
})

export const detach = requestOrNotification("transport/detach", {
  since: "0.1.0",
  summary:
    "Ends this client's relation to the transport: it hears no more of it. A transport with lifetime client ends with its owner's.",
  params: of,
  result: z.null(),
  errors: ["UnknownTransport", "TransportClosed", "NotOwner"],
  example: { params: { transport: 7 }, result: null },
})

export const detached = fromDaemon("transport/detached", {
  since: "0.1.0",
  summary: "Another client took over: nothing follows for this one.",
  params: z.object({ transport: Id, by: z.int().meta({ description: "the client that took over" }) }),
  example: { params: { transport: 7, by: 2 } },
})

export const splice = request("transport/splice", {
  since: "0.1.0",
  summary:
    "Joins two transports inside the daemon: what comes from `from`, and was not sent to the client yet, is written to `to`, behind what the client wrote there before. The client hears no data of `from` and cannot write to `to` until it ends, which `transport/spliced` says. An end of file is passed on as one, or as a close where `to` has none of its own; a loss as a close, and where the connection broke as an abort.",
  params: z.object({
    from: Ref,
    to: Ref,
    both: z.boolean().default(false).meta({ description: "the other direction too, from the same instant on" }),
  }),
  result: z.null(),
  errors: [...access, "TransportBusy"],
  example: { params: { from: 7, to: 12, both: true }, result: null },
})

export const spliced = fromDaemon("transport/spliced", {
  since: "0.1.0",
  summary:
    "One direction of what was joined has ended; to who owns either end then, and before the end of `from` is told. The error says what broke, on whichever side; null after an end of file and a close.",
  params: z.object({
    from: Id,
    to: Id,
    bytes: Offset.meta({ description: "what went through" }),
    error: WireErrorShape.nullable(),
  }),
  example: { params: { from: 7, to: 12, bytes: 131_072, error: null } },
})

export const tunnel = request("transport/tunnel", {
  since: "0.1.0",
  summary:
    "Makes this connection the bytes of one stream: behind the answer nothing else travels on it, in either direction. Attaches as the owner first. For a connection of its own on a socket, on which nothing else is open or asked for.",
  params: of.extend({
    since: Since.optional().meta({ description: "where reading begins, as for `transport/attach`" }),
    steal: z.boolean().default(false).meta({ description: "take over from another owner" }),
  }),
  result: z.object({
    transport: Id,
    kind: Kind,
    offset: Offset.meta({ description: "where reading begins" }),
    written: Offset.meta({ description: "bytes accepted from clients so far" }),
    brought: Offset.meta({ description: "beside these, bytes that came from files, other transports and tunnels" }),
  }),
  errors: [...access, "TransportBusy", "InvalidRequest", "InvalidParams"],
  example: { params: { transport: 7 }, result: { transport: 7, kind: "tcp", offset: 0, written: 0, brought: 0 } },
})

export const consumed = fromClient("transport/consumed", {
  since: "0.1.0",
  summary:
    "With flow control: how much of what was received the client has consumed. Absolute, so a repeated or a late one does no harm.",
  params: of.extend({ offset: Offset }),
  example: { params: { transport: 7, offset: 131_072 } },
})

export const flushed = fromDaemon("transport/flushed", {
  since: "0.1.0",
  summary: "With flow control: how much of what was written was handed to the system.",
  params: z.object({ transport: Id, offset: Offset }),
  example: { params: { transport: 7, offset: 65_536 } },
})
