/**
 * Shapes that several declarations share: ids, bytes, addresses, options.
 * Every field says its unit in its name; every default comes from `limits.ts`.
 */
import { z } from "zod"
import { decodeBase64 } from "./base64.ts"
import { ERRORS, type RpcError } from "./errors.ts"
import {
  CHUNK_BYTES,
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
  MAX_DESCRIPTOR_NAME_LENGTH,
  MAX_PEM_BYTES,
  MAX_RETAIN_BYTES,
  READ_WINDOW_BYTES,
  RETAIN_BYTES,
  TLS_HANDSHAKE_TIMEOUT_MS,
  TLS_SHUTDOWN_TIMEOUT_MS,
} from "./limits.ts"
import { WaterMarks } from "./waterMarks.ts"

/** The largest integer that survives JSON in every language. */
const MAX_SAFE = Number.MAX_SAFE_INTEGER

export const Id = z
  .int()
  .min(1)
  .max(MAX_SAFE)
  .meta({ description: "chosen by the daemon, never reused within its life" })

/** Whether `text` means the same bytes to the system: half a character has no UTF-8, and another would take its place. */
export function isWhole(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

export const HALF_A_CHARACTER = "must not contain half a character"

export const Name = z.string().min(1).max(256).meta({ description: "a unique label" })

/** How a request names the transport, server or pipe that it is about. */
export const Ref = z.union([Id, Name]).meta({ description: "id or name" })

/** An absolute count of bytes in one direction of one transport, from 0. */
export const Offset = z.int().min(0).max(MAX_SAFE)

export const DurationMs = z.number().min(0).max(2_147_483_647)

export const Port = z.int().min(0).max(65_535)

/** Bytes: base64 (RFC 4648, padded) in the JSON form, the body itself in a byte message. */
export const Bytes = z
  .custom<Uint8Array | string>((value) => typeof value === "string" || value instanceof Uint8Array, "expected base64")
  .transform((value, context): Uint8Array => {
    if (typeof value !== "string") return value
    const bytes = decodeBase64(value)
    if (bytes !== null) return bytes
    context.addIssue({ code: "custom", message: "expected base64 (RFC 4648, padded)" })
    return z.NEVER
  })

/** The fields of a message that carries bytes: `data`, or `text` in its place. */
export const payload = {
  data: Bytes.optional(),
  text: z.string().optional().meta({ description: "UTF-8 text in place of `data`" }),
}

/** Makes `data` of whichever of the two fields is there; exactly one must be. */
export function takePayload<Message extends { data?: Uint8Array | undefined; text?: string | undefined }>(
  message: Message,
  context: z.RefinementCtx,
): Omit<Message, "data" | "text"> & { data: Uint8Array } {
  const { data, text } = message
  if ((data === undefined) === (text === undefined)) {
    context.addIssue({ code: "custom", message: "expected either `data` or `text`", path: ["data"] })
    return z.NEVER
  }
  // In place: the schema has just made this object, and a copy of it showed in the profile of every write.
  message.data = data ?? Buffer.from(text as string, "utf8")
  delete message.text
  return message as Message & { data: Uint8Array }
}

/** How a request names a descriptor that exists already. */
export const Descriptor = z
  .union([z.int().min(0).max(2_147_483_647), z.string().min(1).max(MAX_DESCRIPTOR_NAME_LENGTH)])
  .meta({
    description:
      "a descriptor that is taken over, once: a number that the daemon inherited, or the name that this client gave to one that it handed over",
  })

/** A way on which descriptors come to the daemon. */
export const DescriptorWay = z.enum(["inherited", "channel", "socket"])

export const Family = z.enum(["IPv4", "IPv6"])

/** The family as a request may give it: by name or by number. */
export const FamilyOption = z
  .union([Family, z.literal(4), z.literal(6)])
  .transform((family): 4 | 6 => (family === 4 || family === "IPv4" ? 4 : 6))
  .meta({ description: "IPv4 (or 4), IPv6 (or 6); absent means either" })

export const InetAddress = z.object({ host: z.string(), port: Port, family: Family })
export const PathAddress = z.object({ path: z.string() })
export const Address = z.union([InetAddress, PathAddress])

export const HostPort = z.object({ host: z.string(), port: Port })

export const Kind = z.enum(["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"])

/** A terminal's, in characters. */
export const TerminalSize = z.object({
  columns: z.int().min(1).max(65_535).default(80),
  rows: z.int().min(1).max(65_535).default(24),
})

export const WireErrorShape = z
  .object({ code: z.int(), message: z.string(), data: z.record(z.string(), z.unknown()).optional() })
  .meta({ description: `one of the ${Object.keys(ERRORS).length} errors of the table` })

/** PEM text: certificates or a key. A system's whole list of authorities has a quarter of a MiB. */
const Pem = z.string().min(1).max(MAX_PEM_BYTES)
const PemFile = z.string().min(1).max(4096).meta({ description: "an absolute path on the daemon's machine" })

/** Strict, since an option that was misspelt and dropped in silence would be a hole. */
export const TlsOptions = z.strictObject({
  ca: Pem.optional().meta({ description: "authorities to trust (PEM) in place of the well-known ones" }),
  cert: Pem.optional().meta({ description: "our certificate and those between it and the authority (PEM)" }),
  key: Pem.optional().meta({ description: "its key (PEM); absent: it stands beside the certificate" }),
  passphrase: z.string().max(1024).optional().meta({ description: "of the key" }),
  caFile: PemFile.optional(),
  certFile: PemFile.optional(),
  keyFile: PemFile.optional(),
  verify: z.boolean().default(true).meta({
    description:
      "whether the certificate of the remote must be valid: a server's always, a client's with `requestCert`",
  }),
  requestCert: z.boolean().default(false).meta({ description: "a server asks its clients for a certificate" }),
  alpn: z
    .array(z.string().min(1).max(255))
    .min(1)
    .max(64)
    .optional()
    .meta({ description: "protocols, the best first" }),
  minVersion: z.enum(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]).optional(),
  ciphers: z.string().min(1).max(4096).optional().meta({ description: "an OpenSSL cipher list" }),
  handshakeTimeoutMs: DurationMs.default(TLS_HANDSHAKE_TIMEOUT_MS),
  shutdownTimeoutMs: DurationMs.default(TLS_SHUTDOWN_TIMEOUT_MS).meta({
    description: "how long `close` waits, once all is flushed, for the remote to end its side too",
  }),
})

/** How a request asks for TLS: `true` means all defaults. There is no way to say "if possible". */
export const Tls = z
  .union([z.literal(true), TlsOptions])
  .transform((tls) => (tls === true ? TlsOptions.parse({}) : tls))
  .meta({ description: "TLS with these options, or with all defaults (`true`); absent: plain" })

export const ServerHostname = z
  .string()
  .max(253)
  .meta({ description: "the name asked for (SNI) and looked for in the certificate; empty: none, which is a risk" })

/** What is known of a transport from the start: the names that `transport/getExtraInfo` takes. */
export const Extra = z.record(z.string(), z.unknown())

export const WriteBufferLimits = z
  .object({
    highBytes: z.int().min(0).max(MAX_SAFE).optional(),
    lowBytes: z.int().min(0).max(MAX_SAFE).optional(),
  })
  .meta({
    description: `defaults ${HIGH_WATER_BYTES} and ${LOW_WATER_BYTES}; low alone means high = 4 × low, high alone low = high / 4`,
  })

/** Refuses marks that no transport could have. */
function checkMarks({ highBytes, lowBytes }: z.output<typeof WriteBufferLimits>, context: z.RefinementCtx): void {
  try {
    new WaterMarks(highBytes, lowBytes)
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as RpcError).message })
  }
}

/** What a client may ask of every stream transport. */
export const TransportOptions = z.object({
  name: Name.optional(),
  lifetime: z.enum(["client", "daemon"]).default("client").meta({
    description:
      "client: closed (flushed, up to a deadline) when its client goes; daemon: stays, for `transport/attach`",
  }),
  graceMs: DurationMs.optional().meta({
    description: "with lifetime daemon: closed after this long with nobody attached",
  }),
  retainBytes: z
    .int()
    .min(0)
    .max(MAX_RETAIN_BYTES)
    .optional()
    .meta({
      description: `bytes kept for a client that comes back or comes late; ${RETAIN_BYTES} with lifetime daemon, else 0`,
    }),
  whenFull: z.enum(["block", "dropOldest", "close"]).optional().meta({
    description:
      "no owner and the kept bytes are full: stop reading (default; of datagrams what comes is dropped), drop the oldest (default for processes), or close",
  }),
  encoding: z
    .enum(["base64", "utf8"])
    .default("base64")
    .meta({ description: "utf8: delivered as `text`; a character split across reads is held until whole" }),
  onEof: z
    .enum(["close", "keep"])
    .default("close")
    .meta({ description: "after `eofReceived`: close after flushing, or stay half-open until the client closes" }),
  paused: z.boolean().default(false).meta({ description: "start with reading paused" }),
  readWindowBytes: z
    .int()
    .min(1)
    .max(CHUNK_BYTES * 1024)
    .default(READ_WINDOW_BYTES)
    .meta({ description: "with flow control: most bytes sent and not yet consumed" }),
  writeBufferLimits: WriteBufferLimits.superRefine(checkMarks).default({}),
})

/** The option object of a request: absent means all defaults. */
export const Options = TransportOptions.prefault({})

/** What opening a transport answers. */
export const Opened = z.object({
  transport: Id,
  kind: Kind,
  extra: Extra,
  writeWindowBytes: z
    .int()
    .meta({ description: "with flow control: most bytes a client may have sent and not flushed" }),
})

export const OpenedProcess = Opened.extend({
  pid: z.int(),
  pipes: z
    .object({ 0: Id.optional(), 1: Id.optional(), 2: Id.optional() })
    .meta({ description: "the pipes to the child, each with an id of its own for the `transport/*` messages" }),
})
