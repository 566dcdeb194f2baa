/**
 * The generated pages against what they are made from, and the declarations against themselves:
 * files fresh, examples that parse, an OpenRPC document of the right shape.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { declarations } from "../../protocol/registry.ts"
import { openrpcDocument } from "../../protocol/openrpc.ts"
import { VERSION } from "../../protocol/version.ts"
import { REFERENCE, referencePages } from "../../scripts/generate/pages.ts"
import { PYTHON_WIRE, pythonWire } from "../../scripts/generate/python.ts"
import { filesUnder, read, ROOT } from "./sources.ts"

type Json = Readonly<Record<string, unknown>>

const pages = referencePages(read, filesUnder)

describe("the generated reference", () => {
  it.each([...pages, [PYTHON_WIRE, pythonWire()] as const])("%s is what the sources say", (file, content) => {
    const found = existsSync(join(ROOT, file)) ? read(file) : ""
    // Why a boolean first: the difference of two such files helps nobody, the command does.
    expect(found === content, `${file} is stale: run \`npm run generate\` and commit what it changed`).toBe(true)
  })

  it("holds no file that nothing generates", () => {
    expect(filesUnder(REFERENCE, "")).toEqual([...pages.keys()].sort())
  })
})

describe("the declarations", () => {
  it("have names that differ", () => {
    const names = declarations.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })

  it.each(declarations.map((declaration) => [declaration.name, declaration] as const))(
    "%s has an example that parses",
    (_name, declaration) => {
      const { params, example } = declaration
      expect(params.safeParse(example.params).error).toBeUndefined()
      if (declaration.kind === "notification") return
      expect(declaration.result.safeParse(declaration.example.result).error).toBeUndefined()
    },
  )

  it("say the unit of what they count", () => {
    const bare = /^(?:timeout|delay|deadline|duration|size|length|limit)$/
    const fields = (value: unknown): string[] => {
      if (typeof value !== "object" || value === null) return []
      return Object.entries(value).flatMap(([key, inner]) => [
        ...(key === "properties" ? Object.keys(inner as Json) : []),
        ...fields(inner),
      ])
    }
    const { methods } = openrpcDocument(VERSION) as { methods: { params: { name: string }[] }[] }
    const names = methods.flatMap((method) => [...method.params.map(({ name }) => name), ...fields(method)])
    expect(names.filter((name) => bare.test(name))).toEqual([])
  })
})

/** The parts of the meta-schema of OpenRPC 1.4 that a document like ours can get wrong. */
describe("the OpenRPC document", () => {
  const document = openrpcDocument(VERSION)
  const { openrpc, info, methods, components } = document as {
    openrpc: string
    info: Json
    methods: Json[]
    components: { errors: Readonly<Record<string, Json>> }
  }

  it("is plain JSON, and names its version and title", () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document)
    expect(openrpc).toMatch(/^1\.4\.\d+$/)
    expect(info).toMatchObject({ title: expect.any(String), version: VERSION })
    expect(unknownFields(document, ["openrpc", "info", "methods", "components"])).toEqual([])
  })

  it.each(methods.map((method) => [method.name as string, method] as const))("describes %s", (_name, method) => {
    const known = ["name", "summary", "description", "paramStructure", "params", "result", "errors", "examples"]
    expect(unknownFields(method, known)).toEqual([])
    expect(method).toMatchObject({
      paramStructure: "by-name",
      params: expect.any(Array),
      "x-since": expect.any(String),
    })
    // A method without a result is a notification: such is OpenRPC's way to tell them.
    expect(method.result === undefined).toBe(method["x-notification"] === true)

    const params = method.params as Json[]
    const names = params.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
    for (const descriptor of [...params, ...(method.result === undefined ? [] : [method.result as Json])]) {
      expect(descriptor).toMatchObject({ name: expect.any(String), schema: expect.any(Object) })
      expect(unknownFields(descriptor, ["name", "schema", "required", "description", "summary"])).toEqual([])
    }

    for (const error of (method.errors ?? []) as Json[]) {
      expect(Object.keys(components.errors)).toContain(String(error.$ref).replace("#/components/errors/", ""))
    }
    for (const example of method.examples as { name: string; params: Json[]; result?: Json }[]) {
      expect(example.name).toEqual(expect.any(String))
      expect(names).toEqual(expect.arrayContaining(example.params.map(({ name }) => name)))
      expect(example.result === undefined).toBe(method.result === undefined)
    }
  })

  it("gives each error a whole number and a message, no number twice", () => {
    const errors = Object.values(components.errors)
    for (const error of errors) {
      expect(Number.isSafeInteger(error.code)).toBe(true)
      expect(error.message).toEqual(expect.any(String))
      expect(unknownFields(error, ["code", "message", "data"])).toEqual([])
    }
    expect(new Set(errors.map(({ code }) => code)).size).toBe(errors.length)
  })
})

/** Fields beyond `known` and the extensions, which start with `x-`. */
function unknownFields(value: Json, known: readonly string[]): string[] {
  return Object.keys(value).filter((field) => !known.includes(field) && !field.startsWith("x-"))
}
