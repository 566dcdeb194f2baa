/**
 * Shapes that several declarations share: ids, bytes, addresses, options.
 * Every field says its unit in its name; every default comes from `limits.ts`.
 */
import { z } from "zod"
import { decodeBase64 } from "./base64.ts"
import { ERRORS, type RpcError } from "./errors.ts"
import { CHUNK_BYTES, HIGH_WATER_BYTES, LOW_WATER_BYTES, READ_WINDOW_BYTES } from "./limits.ts"
import { WaterMarks } from "./waterMarks.ts"

/** The largest integer that survives JSON in every language. */
const MAX_SAFE = Number.MAX_SAFE_INTEGER

export const Id = z
  .int()
  .min(1)
  .max(MAX_SAFE)
  .meta({ description: "chosen by the daemon, never reused within its life" })

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
  const { data, text, ...rest } = message
  if ((data === undefined) === (text === undefined)) {
    context.addIssue({ code: "custom", message: "expected either `data` or `text`", path: ["data"] })
    return z.NEVER
  }
  return { ...rest, data: data ?? Buffer.from(text as string, "utf8") }
}

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

export const Kind = z.enum(["tcp", "subprocess"])

export const WireErrorShape = z
  .object({ code: z.int(), message: z.string(), data: z.record(z.string(), z.unknown()).optional() })
  .meta({ description: `one of the ${Object.keys(ERRORS).length} errors of the table` })

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
  lifetime: z
    .literal("client")
    .default("client")
    .meta({ description: "closed (flushed, up to a deadline) when its client goes" }),
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
