/**
 * The callbacks of asyncio's protocols, as notifications of the daemon.
 *
 * Order, for one transport: `connectionMade (dataReceived* eofReceived?) connectionLost`, and for a process
 * `connectionMade (pipeDataReceived | pipeConnectionLost | processExited)* connectionLost`, and for a datagram endpoint
 * `connectionMade (datagramReceived | errorReceived | datagramsLost)* connectionLost`;
 * `pauseWriting` and `resumeWriting` alternate anywhere between.
 */
import { z } from "zod"
import { fromDaemon } from "./declare.ts"
import { Extra, Id, InetAddress, Kind, Offset, payload, WireErrorShape } from "./primitives.ts"

const of = z.object({ transport: Id })
const Fd = z.int().min(0).meta({ description: "the number that the descriptor has in the child" })

const received = {
  ...payload,
  offset: Offset.optional().meta({
    description: "with `text`: bytes received up to its end, for `transport/consumed`",
  }),
}

export const connectionMade = fromDaemon("protocol/connectionMade", {
  since: "0.1.0",
  summary: "First of all callbacks, exactly once. `server` names the server that accepted the connection.",
  params: of.extend({
    kind: Kind,
    server: Id.optional(),
    extra: Extra,
    writeWindowBytes: z.int(),
    pid: z.int().optional(),
    pipes: z.object({ 0: Id.optional(), 1: Id.optional(), 2: Id.optional() }).optional(),
  }),
  example: {
    params: {
      transport: 12,
      kind: "tcp",
      server: 3,
      extra: { peername: { host: "127.0.0.1", port: 40_002, family: "IPv4" } },
      writeWindowBytes: 1_048_576,
    },
  },
})

export const dataReceived = fromDaemon("protocol/dataReceived", {
  since: "0.1.0",
  summary: "Bytes came; never empty, cut anywhere.",
  params: of.extend(received),
  example: { params: { transport: 7, data: "aGVsbG8=" } },
})

export const eofReceived = fromDaemon("protocol/eofReceived", {
  since: "0.1.0",
  summary:
    'The remote sends no more; at most once, after all data. With `onEof: "close"` the daemon closes by itself, with `"keep"` the client decides.',
  params: of,
  example: { params: { transport: 7 } },
})

export const connectionLost = fromDaemon("protocol/connectionLost", {
  since: "0.1.0",
  summary: "Last of all callbacks, exactly once. The error is null after an end of the remote, `close` and `abort`.",
  params: of.extend({ error: WireErrorShape.nullable() }),
  example: { params: { transport: 7, error: null } },
})

export const bytesLost = fromDaemon("protocol/bytesLost", {
  since: "0.1.0",
  summary: "Bytes were dropped before this client could have them: from `from` up to and without `to`.",
  params: of.extend({ fd: Fd.optional(), from: Offset, to: Offset }),
  example: { params: { transport: 7, from: 0, to: 4096 } },
})

export const pauseWriting = fromDaemon("protocol/pauseWriting", {
  since: "0.1.0",
  summary: "For a client without flow control: the write buffer is strictly over the high water mark.",
  params: of.extend({ fd: Fd.optional() }),
  example: { params: { transport: 7 } },
})

export const resumeWriting = fromDaemon("protocol/resumeWriting", {
  since: "0.1.0",
  summary: "For a client without flow control: the write buffer has drained to the low water mark or below.",
  params: of.extend({ fd: Fd.optional() }),
  example: { params: { transport: 7 } },
})

export const pipeDataReceived = fromDaemon("protocol/pipeDataReceived", {
  since: "0.1.0",
  summary: "The process wrote to descriptor `fd`. No order is promised between two descriptors.",
  params: of.extend({ fd: Fd, ...received }),
  example: { params: { transport: 8, fd: 1, data: "aGVsbG8K" } },
})

export const pipeConnectionLost = fromDaemon("protocol/pipeConnectionLost", {
  since: "0.1.0",
  summary:
    "The pipe to descriptor `fd` is closed; exactly once for each pipe, after all its data. The error is TimedOut where a grandchild held it beyond `drainMs` after the exit.",
  params: of.extend({ fd: Fd, error: WireErrorShape.nullable() }),
  example: { params: { transport: 8, fd: 1, error: null } },
})

export const processExited = fromDaemon("protocol/processExited", {
  since: "0.1.0",
  summary:
    "The process ended; exactly once. It may come before the last output: `outputMayBeIncomplete` says that a pipe was still open.",
  params: of.extend({
    returncode: z.int().meta({ description: "the exit status, or minus the number of the signal" }),
    signal: z.string().nullable(),
    outputMayBeIncomplete: z.boolean().optional(),
  }),
  example: { params: { transport: 8, returncode: 0, signal: null } },
})

export const datagramReceived = fromDaemon("protocol/datagramReceived", {
  since: "0.1.0",
  summary: "One datagram came, whole; it may be empty. `addr` is its sender, and can be given to `transport/sendto`.",
  params: of.extend({ ...received, addr: InetAddress }),
  example: {
    params: { transport: 9, data: "aGVsbG8=", addr: { host: "127.0.0.1", port: 40_003, family: "IPv4" } },
  },
})

export const errorReceived = fromDaemon("protocol/errorReceived", {
  since: "0.1.0",
  summary:
    "An earlier datagram could not be sent, or the remote refused it (`ECONNREFUSED`, connected endpoints only). The transport stays; that datagram is dropped.",
  params: of.extend({ error: WireErrorShape }),
  example: {
    params: {
      transport: 9,
      error: { code: 1201, message: "recvmsg: ECONNREFUSED", data: { errno: "ECONNREFUSED", syscall: "recvmsg" } },
    },
  },
})

export const datagramsLost = fromDaemon("protocol/datagramsLost", {
  since: "0.1.0",
  summary:
    "That many datagrams came and were dropped, because the client did not take what came before. Said behind what was kept. What the system drops by itself is not counted.",
  params: of.extend({ count: z.int().min(1) }),
  example: { params: { transport: 9, count: 3 } },
})
