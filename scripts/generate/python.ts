/**
 * The Python client's types: a TypedDict for the params and the result of every message, the codes of the errors, the
 * shared numbers. Knows nothing of the client that uses them.
 */
import { ERRORS } from "../../protocol/errors.ts"
import * as limits from "../../protocol/limits.ts"
import { jsonSchema } from "../../protocol/openrpc.ts"
import { declarations } from "../../protocol/registry.ts"
import { PROTOCOL_VERSION, VERSION } from "../../protocol/version.ts"

/** Where it stands, as seen from the root. */
export const PYTHON_WIRE = "client/python/transportd/_wire.py"

/** What of a JSON Schema the declarations use. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly contentEncoding?: string
}

/** Longest line of the Python sources. */
const LINE_LENGTH = 120

/** Words that cannot name a field of a class. */
const KEYWORDS = new Set(["from", "class", "def", "global", "in", "is", "import", "pass", "return", "None"])

/** A TypedDict that is written once, whoever uses it. */
interface Typed {
  readonly name: string
  readonly text: string
}

export function pythonWire(): string {
  const types = new Types()
  for (const declaration of declarations) {
    const name = pascal(declaration.name)
    types.add(`${name}Params`, jsonSchema(declaration.params))
    if (declaration.kind === "request") types.add(`${name}Result`, jsonSchema(declaration.result))
  }
  const errors = Object.entries(ERRORS).map(([name, { code }]) => `    "${name}": ${code},`)
  const numbers = Object.entries(limits)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `    "${name}": ${grouped(value)},`)
  return [
    `"""What is said on the wire. Generated from \`protocol/\` by \`npm run generate\`: edit that, not this."""`,
    "",
    "from __future__ import annotations",
    "",
    "from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict",
    "",
    `VERSION: Final = "${VERSION}"`,
    `PROTOCOL_VERSION: Final = ${PROTOCOL_VERSION}`,
    "",
    "# The code of every error, by name.",
    "ERRORS: Final[dict[str, int]] = {",
    ...errors,
    "}",
    "",
    "# The numbers that both ends agree on.",
    "LIMITS: Final[dict[str, int]] = {",
    ...numbers,
    "}",
    ...types.written.map(({ text }) => `\n\n${text}`),
    "",
  ].join("\n")
}

class Types {
  readonly written: Typed[] = []
  readonly #nameOf = new Map<string, string>()

  /** The Python type of `schema`; `name` is what it is called if it needs a name. */
  add(name: string, schema: Schema): string {
    const type = this.#typeOf(name, schema)
    if (type !== name) this.written.push({ name, text: `${name}: TypeAlias = ${type}` })
    return type
  }

  #typeOf(name: string, schema: Schema): string {
    const { type, anyOf, items, properties, additionalProperties } = schema
    if (anyOf !== undefined) return union(anyOf.map((each, at) => this.#typeOf(`${name}${at === 0 ? "" : at}`, each)))
    if (schema.const !== undefined) return literal([schema.const])
    if (schema.enum !== undefined) return literal(schema.enum)
    if (schema.contentEncoding !== undefined) return "bytes | str"
    if (properties !== undefined) return this.#object(name, schema)
    if (type === "array") return items === undefined ? "list[Any]" : `list[${this.#typeOf(`${name}Item`, items)}]`
    if (type === "object") {
      const values =
        typeof additionalProperties === "object" ? this.#typeOf(`${name}Value`, additionalProperties) : "Any"
      return `dict[str, ${values}]`
    }
    const simple: Record<string, string> = {
      string: "str",
      integer: "int",
      number: "float",
      boolean: "bool",
      null: "None",
    }
    return (typeof type === "string" && simple[type]) || "Any"
  }

  #object(name: string, { properties = {}, required = [] }: Schema): string {
    const fields = Object.entries(properties).map(([field, schema]) => {
      const inner = this.#typeOf(`${name}${pascal(field)}`, schema)
      return [field, required.includes(field) ? inner : `NotRequired[${inner}]`] as const
    })
    const key = JSON.stringify(fields)
    const known = this.#nameOf.get(key)
    // A message's own params and results keep their names; what stands inside them is shared.
    if (known !== undefined && !/(?:Params|Result)$/.test(name)) return known
    this.#nameOf.set(key, name)
    this.written.push({ name, text: typedDict(name, fields) })
    return name
  }
}

function typedDict(name: string, fields: ReadonlyArray<readonly [string, string]>): string {
  const plain = fields.every(([field]) => /^[A-Za-z_]\w*$/.test(field) && !KEYWORDS.has(field))
  const pairs = fields.map(([field, type]) => `"${field}": "${type}"`).join(", ")
  if (!plain) return fitted(`${name} = TypedDict("${name}", {${pairs}})`)
  const body = fields.length === 0 ? ["    pass"] : fields.map(([field, type]) => fitted(`    ${field}: ${type}`))
  return [`class ${name}(TypedDict):`, ...body].join("\n")
}

/** A line that is too long is broken behind its first bracket. */
function fitted(line: string): string {
  const at = line.search(/[[(]/)
  if (line.length <= LINE_LENGTH || at === -1) return line
  const indent = line.slice(0, line.length - line.trimStart().length)
  return [line.slice(0, at + 1), `${indent}    ${line.slice(at + 1, -1)}`, `${indent}${line.at(-1)}`].join("\n")
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(" | ")
}

function literal(values: readonly unknown[]): string {
  const words = new Map<unknown, string>([
    [true, "True"],
    [false, "False"],
    [null, "None"],
  ])
  return `Literal[${values.map((value) => words.get(value) ?? JSON.stringify(value)).join(", ")}]`
}

/** `loop/createConnection` → `LoopCreateConnection`. */
function pascal(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("")
}

function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, "_")
}
