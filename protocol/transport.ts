/** What can be done with an open transport: the methods of asyncio's transports, and the flow control beside them. */
import { z } from "zod"
import { fromClient, fromDaemon, request, requestOrNotification } from "./declare.ts"
import type { ErrorName } from "./errors.ts"
import {
  Bytes,
  Id,
  Kind,
  Name,
  Offset,
  payload,
  Ref,
  takePayload,
  TransportOptions,
  WriteBufferLimits,
} from "./primitives.ts"

const of = z.object({ transport: Ref })
const access = ["UnknownTransport", "TransportClosed", "NotOwner", "NotSupported"] as const satisfies ErrorName[]

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
  errors: [...access, "TransportBroken", "WindowExceeded", "InvalidParams"],
  example: { params: { transport: 7, data: "aGVsbG8=" }, result: null },
})

export const writelines = requestOrNotification("transport/writelines", {
  since: "0.1.0",
  summary: "Writes each element in order; the same as as many `transport/write`.",
  params: z.object({ transport: Ref, data: z.array(Bytes) }),
  result: z.null(),
  errors: [...access, "TransportBroken", "WindowExceeded"],
  example: { params: { transport: 7, data: ["aGVsbG8=", "Cg=="] }, result: null },
})

export const writeEof = action(
  "writeEof",
  "Ends the writing side after flushing; reading goes on. Again, and after `close`: no effect.",
  ["TransportBroken"],
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
export const getPid = question("getPid", "The process id, also after its end.", z.int(), 4712)
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
  }),
  result: z.null(),
  errors: access,
  example: { params: { transport: 7, encoding: "utf8" }, result: null },
})

const Description = z.object({
  transport: Id,
  kind: Kind,
  name: Name.optional(),
  server: Id.optional().meta({ description: "the server that accepted it" }),
  clientId: z.int().nullable().meta({ description: "the client that owns it" }),
  lifetime: z.enum(["client"]),
  state: z.enum(["opening", "open", "closing", "ended"]),
  extra: z.record(z.string(), z.unknown()),
  pid: z.int().optional(),
  returncode: z.int().nullish(),
  channels: z
    .array(
      z.object({
        id: Id,
        fd: z.int().optional().meta({ description: "for the pipes of a process" }),
        received: Offset.meta({ description: "bytes that came from the remote" }),
        sent: Offset.meta({ description: "of these, sent to the client" }),
        consumed: Offset.meta({ description: "of these, consumed by the client" }),
        written: Offset.meta({ description: "bytes that came from the client" }),
        flushed: Offset.meta({ description: "of these, handed to the system" }),
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
  channels: [{ id: 7, received: 5, sent: 5, consumed: 5, written: 5, flushed: 5 }],
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
  errors: ["UnknownTransport", "TransportClosed"],
  example: { params: { transport: 7 }, result: description },
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
