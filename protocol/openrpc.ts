/**
 * The registry as an OpenRPC document. Pure: the same declarations give the same document.
 * Notifications are methods without a result, marked `x-notification`, with `x-sender` for their direction.
 */
import { z } from "zod"
import type { NotificationDeclaration, RequestDeclaration } from "./declare.ts"
import { ERRORS, type ErrorName } from "./errors.ts"
import { Bytes } from "./primitives.ts"
import { declarations } from "./registry.ts"

type Json = Record<string, unknown>

/** The document, as `rpc.discover` answers it. Source: the OpenRPC specification 1.4. */
export function openrpcDocument(version: string): Json {
  return {
    openrpc: "1.4.0",
    info: {
      title: "transportd",
      version,
      description: "Transports owned by a daemon, with the semantics of asyncio's transports and protocols.",
      license: { name: "MIT" },
    },
    methods: declarations.map(method),
    components: {
      errors: Object.fromEntries(Object.keys(ERRORS).map((name) => [name, errorObject(name as ErrorName)])),
    },
  }
}

/** The JSON Schema of what a sender gives: defaults are optional there. Draft 7, which is what OpenRPC takes. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output" = "input"): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io,
    target: "draft-7",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: json }) => {
      if (zodSchema === bytesInput) Object.assign(json, { type: "string", contentEncoding: "base64" })
    },
  })
  return rest
}

/** What `Bytes` takes, before its transformation. */
const bytesInput: unknown = Bytes.in

function method(declaration: RequestDeclaration | NotificationDeclaration): Json {
  const { name, summary, since, params } = declaration
  const [first = "", ...rest] = summary.split(/(?<=\.) /)
  return {
    name,
    summary: first,
    ...(rest.length > 0 && { description: summary }),
    paramStructure: "by-name",
    params: contentDescriptors(jsonSchema(params)),
    ...(declaration.kind === "request" ? requestPart(declaration) : notificationPart(declaration)),
    "x-since": since,
  }
}

function requestPart({ result, errors, orNotification, example }: RequestDeclaration): Json {
  return {
    result: { name: "result", schema: jsonSchema(result) },
    errors: errors.map((name) => ({ $ref: `#/components/errors/${name}` })),
    ...(orNotification && { "x-or-notification": true }),
    examples: [
      { name: "example", params: exampleParams(example.params), result: { name: "result", value: example.result } },
    ],
  }
}

function notificationPart({ sender, example }: NotificationDeclaration): Json {
  return {
    "x-notification": true,
    "x-sender": sender,
    examples: [{ name: "example", params: exampleParams(example.params) }],
  }
}

function contentDescriptors(schema: Json): Json[] {
  const required = new Set((schema.required as string[] | undefined) ?? [])
  const descriptors = Object.entries((schema.properties ?? {}) as Record<string, Json>).map(([name, property]) => {
    const { description, ...rest } = property
    return { name, required: required.has(name), ...(description !== undefined && { description }), schema: rest }
  })
  // OpenRPC: what is required comes first.
  return descriptors.sort((one, other) => Number(other.required) - Number(one.required))
}

function exampleParams(params: unknown): Json[] {
  return Object.entries((params ?? {}) as Json).map(([name, value]) => ({ name, value }))
}

function errorObject(name: ErrorName): Json {
  const { code, meaning, data } = ERRORS[name]
  return { code, message: `${name}: ${meaning}`, ...(data.length > 0 && { data: { fields: data } }) }
}
