/** The requests that make transports: asyncio's event loop methods. */
import { z } from "zod"
import { request } from "./declare.ts"
import { BACKLOG, CONNECT_TIMEOUT_MS } from "./limits.ts"
import {
  Address,
  Descriptor,
  DurationMs,
  FamilyOption,
  HALF_A_CHARACTER,
  HostPort,
  Id,
  isWhole,
  Offset,
  Opened,
  Options,
  Port,
  Ref,
  ServerHostname,
  Tls,
} from "./primitives.ts"

/** What a request that takes `tls` can fail with on the way to a session. */
const tlsErrors = ["TlsHandshakeFailed", "CertificateRejected"] as const

type Fields = Readonly<Record<string, unknown>>

/** Whether either all of `names` are given or, in their place, a socket that exists already. */
function placeOrSocket<Name extends string>(...names: Name[]): [(fields: Fields) => boolean, string] {
  const wanted = names.map((name) => `\`${name}\``).join(" and ")
  return [
    (fields) => names.every((name) => (fields[name] !== undefined) === (fields.fd === undefined)),
    `expected either ${wanted} or \`fd\``,
  ]
}

/** What the options of a TCP connection start with, whoever opened it. */
const tcpParams = {
  noDelay: z.boolean().default(true),
  keepAliveMs: DurationMs.optional().meta({
    description: "idle time before the first keep-alive probe; absent: none",
  }),
}

export const createConnection = request("loop/createConnection", {
  since: "0.1.0",
  summary:
    "Connects to a TCP server, or takes over a stream socket that is connected already, TCP or Unix. Addresses of both families are tried as RFC 8305 says. The answer comes before `protocol/connectionMade`.",
  params: z
    .object({
      host: z.string().min(1).max(1024).optional(),
      port: Port.optional(),
      fd: Descriptor.optional(),
      family: FamilyOption.optional(),
      localAddr: HostPort.optional(),
      happyEyeballsDelayMs: DurationMs.optional(),
      timeoutMs: DurationMs.default(CONNECT_TIMEOUT_MS),
      ...tcpParams,
      tls: Tls.optional(),
      serverHostname: ServerHostname.optional().meta({
        description: "with `tls`: in place of the host; needed with `fd`",
      }),
      options: Options,
    })
    .refine(...placeOrSocket("host", "port")),
  result: Opened,
  errors: [
    "OsFailure",
    "ResolveFailed",
    "TimedOut",
    "NameTaken",
    "LimitExceeded",
    "RequestCancelled",
    "InvalidParams",
    ...tlsErrors,
  ],
  example: {
    params: { host: "127.0.0.1", port: 8888 },
    result: {
      transport: 7,
      kind: "tcp",
      extra: {
        peername: { host: "127.0.0.1", port: 8888, family: "IPv4" },
        sockname: { host: "127.0.0.1", port: 40_000, family: "IPv4" },
      },
      writeWindowBytes: 1_048_576,
    },
  },
})

export const createServer = request("loop/createServer", {
  since: "0.1.0",
  summary:
    "Listens on TCP, or on a socket that is bound already, TCP or Unix. Each accepted connection is a `protocol/connectionMade` that names the server; `options` hold for each of them.",
  params: z
    .object({
      host: z
        .union([z.string().max(1024), z.array(z.string().max(1024)).min(1).max(64)])
        .nullish()
        .meta({ description: "one host, several, or null for all interfaces of both families" }),
      port: Port.optional().meta({ description: "0 lets the system choose" }),
      fd: Descriptor.optional(),
      family: FamilyOption.optional(),
      backlog: z.int().min(1).max(65_535).default(BACKLOG),
      reuseAddress: z.boolean().optional().meta({ description: "on POSIX always on, as in asyncio" }),
      ...tcpParams,
      tls: Tls.optional(),
      startServing: z
        .boolean()
        .default(true)
        .meta({ description: "false: refuses connections until `server/startServing`" }),
      options: Options,
    })
    .refine(...placeOrSocket("port"))
    .refine(({ host, fd }) => host === undefined || fd === undefined, "`host` means nothing with `fd`"),
  result: z.object({ server: Id, sockets: z.array(Address) }),
  errors: ["OsFailure", "ResolveFailed", "NameTaken", "LimitExceeded", "InvalidParams"],
  example: {
    params: { host: "127.0.0.1", port: 0 },
    result: { server: 3, sockets: [{ host: "127.0.0.1", port: 40_001, family: "IPv4" }] },
  },
})

const SocketPath = z.string().min(1).max(4096).refine(isWhole, HALF_A_CHARACTER).meta({
  description: "an absolute path, or a NUL and a name for an abstract socket of Linux (with Node 22 or newer)",
})

export const createUnixConnection = request("loop/createUnixConnection", {
  since: "0.1.0",
  summary:
    "Connects to a Unix socket, or takes over one that is connected already. The answer comes before `protocol/connectionMade`.",
  params: z
    .object({
      path: SocketPath.optional(),
      fd: Descriptor.optional(),
      timeoutMs: DurationMs.default(CONNECT_TIMEOUT_MS),
      tls: Tls.optional(),
      serverHostname: ServerHostname.optional().meta({ description: "needed with `tls`: a path is no name" }),
      options: Options,
    })
    .refine(...placeOrSocket("path")),
  result: Opened,
  errors: [
    "OsFailure",
    "TimedOut",
    "NotSupported",
    "NameTaken",
    "LimitExceeded",
    "RequestCancelled",
    "InvalidParams",
    ...tlsErrors,
  ],
  example: {
    params: { path: "/run/user/1000/editor.sock" },
    result: {
      transport: 7,
      kind: "unix",
      extra: { peername: { path: "/run/user/1000/editor.sock" }, sockname: { path: "" } },
      writeWindowBytes: 1_048_576,
    },
  },
})

export const createUnixServer = request("loop/createUnixServer", {
  since: "0.1.0",
  summary:
    "Listens on a Unix socket, or on one that is bound already, whose file is then somebody else's. A socket file that nobody answers at is replaced; any other file is left alone (EADDRINUSE). Closing removes the file while it is still the one that was made.",
  params: z
    .object({
      path: SocketPath.optional(),
      fd: Descriptor.optional(),
      mode: z.int().min(0).max(0o777).optional().meta({
        description: "permissions of the file, from its first instant; absent: what the daemon's umask leaves",
      }),
      backlog: z.int().min(1).max(65_535).default(BACKLOG),
      tls: Tls.optional(),
      startServing: z.boolean().default(true),
      options: Options,
    })
    .refine(...placeOrSocket("path")),
  result: z.object({ server: Id, sockets: z.array(Address) }),
  errors: ["OsFailure", "NotSupported", "NameTaken", "LimitExceeded", "InvalidParams"],
  example: {
    params: { path: "/run/user/1000/editor.sock", mode: 0o600 },
    result: { server: 3, sockets: [{ path: "/run/user/1000/editor.sock" }] },
  },
})

export const connectAcceptedSocket = request("loop/connectAcceptedSocket", {
  since: "0.1.0",
  summary:
    "Takes over a connection that was accepted elsewhere, TCP or Unix; with `tls` it is the server side. What the remote sent before arrives. The answer comes before `protocol/connectionMade`.",
  params: z.object({ fd: Descriptor, ...tcpParams, tls: Tls.optional(), options: Options }),
  result: Opened,
  errors: ["OsFailure", "TimedOut", "NameTaken", "LimitExceeded", "RequestCancelled", "InvalidParams", ...tlsErrors],
  example: {
    params: { fd: "connection-1" },
    result: {
      transport: 7,
      kind: "tcp",
      extra: {
        peername: { host: "127.0.0.1", port: 40_000, family: "IPv4" },
        sockname: { host: "127.0.0.1", port: 8888, family: "IPv4" },
      },
      writeWindowBytes: 1_048_576,
    },
  },
})

export const startTls = request("loop/startTls", {
  since: "0.1.0",
  summary:
    "Changes an open TCP or Unix connection to TLS; the id stays. What was written before goes out plain and first, what is written behind this request goes out encrypted, without awaiting the answer. What the remote sent and the client was not sent yet is part of the handshake: pause reading first where the remote may speak first. If it fails, the transport is lost for the same reason.",
  params: z.object({
    transport: Ref,
    tls: Tls,
    serverSide: z.boolean().default(false),
    serverHostname: ServerHostname.optional().meta({ description: "needed on the client side" }),
  }),
  result: Opened,
  errors: [
    "UnknownTransport",
    "TransportClosed",
    "TransportBroken",
    "TransportBusy",
    "NotOwner",
    "NotSupported",
    "OsFailure",
    "InvalidParams",
    "TimedOut",
    "RequestCancelled",
    ...tlsErrors,
  ],
  example: {
    params: { transport: 7, tls: true, serverHostname: "localhost" },
    result: {
      transport: 7,
      kind: "tls",
      extra: { cipher: ["TLS_AES_256_GCM_SHA384", "TLSv1.3", 256] },
      writeWindowBytes: 1_048_576,
    },
  },
})

export const sendfile = request("loop/sendfile", {
  since: "0.1.0",
  summary:
    "Sends a regular file of the daemon's machine, or a part of it, through a stream that can be written to; answered when all of it was handed to the system. What was written before goes out first. A write behind this request waits if it is a notification, and is TransportBusy if it is a request; `transport/close` ends it. Cancelled, or when reading the file fails, it leaves the transport open with what was sent so far.",
  params: z.object({
    transport: Ref,
    path: z
      .string()
      .min(1)
      .max(4096)
      .refine((path) => path.startsWith("/") && !path.includes("\0"), "must be an absolute path")
      .refine(isWhole, HALF_A_CHARACTER),
    offset: Offset.default(0).meta({ description: "where to begin in the file" }),
    count: Offset.min(1).optional().meta({ description: "most bytes to send; absent: up to the end of the file" }),
  }),
  result: z.object({ sent: Offset.meta({ description: "bytes: fewer than `count` where the file ends before" }) }),
  errors: [
    "UnknownTransport",
    "TransportClosed",
    "TransportBroken",
    "TransportBusy",
    "NotOwner",
    "NotSupported",
    "OsFailure",
    "InvalidParams",
    "RequestCancelled",
  ],
  example: {
    params: { transport: 7, path: "/srv/www/index.html" },
    result: { sent: 4711 },
  },
})
