/**
 * JSON Schemas in the words of a reference page: a type in a few words, and the rows of a table of fields.
 * Shapes that several messages share have a name and a table of their own, and are linked everywhere else.
 */
import type { z } from "zod"
import { jsonSchema } from "../../protocol/openrpc.ts"
import * as primitives from "../../protocol/primitives.ts"
import { getServerInfo } from "../../protocol/server.ts"
import { describe } from "../../protocol/transport.ts"
import { anchor, code, table } from "./markdown.ts"

/** What of a JSON Schema the declarations use. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema
  readonly contentEncoding?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: unknown
  readonly description?: string
}

/** In the order in which the page shows them. */
const SHARED = {
  Options: primitives.TransportOptions,
  WriteBufferLimits: primitives.WriteBufferLimits,
  HostPort: primitives.HostPort,
  InetAddress: primitives.InetAddress,
  PathAddress: primitives.PathAddress,
  Opened: primitives.Opened,
  OpenedProcess: primitives.OpenedProcess,
  ServerInfo: getServerInfo.result,
  Description: describe.result,
  Error: primitives.WireErrorShape,
} as const satisfies Record<string, z.ZodType>

/** What the sender of a table's fields may leave out: it has a default, or it is not always there. */
export type Side = "given" | "told"

const nameOfShared = new Map(Object.entries(SHARED).map(([name, shape]) => [keyOf(jsonSchema(shape)), name]))

/** Small shapes whose own description says it all; recognised by that description. */
const nameOfSmall = new Map([
  [JSON.stringify(jsonSchema(primitives.Id)), "id"],
  [JSON.stringify(jsonSchema(primitives.Ref)), "id or name"],
])

/** The shared shapes, each with a heading and a table. */
export function sharedShapes(): string[] {
  return Object.entries(SHARED).flatMap(([name, shape]) => {
    const schema: Schema = jsonSchema(shape)
    const side = ["Options", "WriteBufferLimits", "HostPort"].includes(name) ? "given" : "told"
    return [`### ${name}`, fields(schema, side)]
  })
}

/** The fields of a message. */
export function paramsTable(shape: z.ZodType, side: Side): string {
  const schema: Schema = jsonSchema(shape)
  return Object.keys(schema.properties ?? {}).length === 0 ? "No params." : fields(schema, side)
}

/** What a request answers, as a sentence and, where it is an object of its own, a table. */
export function resultPart(shape: z.ZodType): string {
  const schema: Schema = jsonSchema(shape)
  const own = schema.properties !== undefined && !nameOfShared.has(keyOf(schema))
  return own ? `Result:\n\n${fields(schema, "told")}` : `Result: ${typeOf(schema)}.`
}

function fields(schema: Schema, side: Side): string {
  const head = side === "given" ? ["field", "type", "default", "meaning"] : ["field", "type", "meaning"]
  return table(head, rows(schema, side))
}

/** One row per field; the fields of an object of its own follow it, with dots. */
function rows({ properties = {}, required = [] }: Schema, side: Side, prefix = ""): string[][] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const inner = field.items?.properties === undefined ? field : field.items
    const opened = inner.properties !== undefined && !nameOfShared.has(keyOf(inner))
    const dotted = `${prefix}${name}`
    const isRequired = required.includes(name)
    const given = side === "given" ? [typeOf(field), defaultOf(field, isRequired)] : [toldType(field, isRequired)]
    return [
      [code(dotted), ...given, nameOfSmall.has(JSON.stringify(field)) ? "" : (field.description ?? "")],
      ...(opened ? rows(inner, side, `${dotted}${inner === field ? "" : "[]"}.`) : []),
    ]
  })
}

function toldType(field: Schema, isRequired: boolean): string {
  return isRequired ? typeOf(field) : `${typeOf(field)}, optional`
}

function defaultOf(field: Schema, isRequired: boolean): string {
  if (isRequired) return "required"
  const given = field.default
  return given === undefined || JSON.stringify(given) === "{}" ? "–" : code(JSON.stringify(given))
}

function typeOf(schema: Schema): string {
  const name = nameOfShared.get(keyOf(schema))
  if (name !== undefined) return `[${name}](#${anchor(name)})`
  const small = nameOfSmall.get(JSON.stringify(schema))
  if (small !== undefined) return small
  return alternatives(schema)
}

function alternatives(schema: Schema): string {
  const { type, anyOf, items, additionalProperties } = schema
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(" or ")
  if (schema.const !== undefined) return code(JSON.stringify(schema.const))
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(" or ")
  if (schema.contentEncoding !== undefined) return `bytes (${schema.contentEncoding})`
  if (type === "array") return `list of ${items === undefined ? "anything" : typeOf(items)}`
  if (type === "integer" || type === "number") return `${type}${range(schema)}`
  if (schema.properties !== undefined && additionalProperties === undefined) return "object"
  if (type === "object") return objectOf(additionalProperties)
  return type === undefined ? "anything" : [type].flat().join(" or ")
}

function objectOf(values: Schema | undefined): string {
  const what = values === undefined ? "anything" : typeOf(values)
  return what === "anything" ? "object" : `object of ${what}s`
}

/** Bounds that say something; those of safe integers and of timers do not. */
function range({ minimum = -Infinity, maximum = Infinity }: Schema): string {
  const [low, high] = [minimum > -(2 ** 31) + 1, maximum < 2 ** 31 - 1]
  if (low && high) return ` ${minimum} to ${maximum}`
  if (low) return ` ≥ ${minimum}`
  return high ? ` ≤ ${maximum}` : ""
}

/** What makes two schemas the same shape: all but what is said about this use of it. */
function keyOf({ description: _description, default: _default, ...shape }: Schema): string {
  return JSON.stringify(shape)
}
