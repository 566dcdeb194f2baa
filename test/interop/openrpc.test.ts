/**
 * What `rpc.discover` answers, judged by the schemas that the OpenRPC project publishes: tools that read such documents
 * can read ours. Knows nothing of how the document is made.
 */
import { createRequire } from "node:module"
import { Ajv, type ValidateFunction } from "ajv"
import { beforeEach, describe, expect, it } from "vitest"
import { setup } from "../support/setup.ts"

interface Described {
  readonly name: string
  readonly required: boolean
  readonly schema: object
}

interface Method {
  readonly name: string
  readonly params: readonly Described[]
  readonly result?: { readonly schema: object }
  readonly errors?: ReadonlyArray<{ readonly $ref: string }>
  readonly examples: ReadonlyArray<{
    readonly params: ReadonlyArray<{ readonly name: string; readonly value: unknown }>
    readonly result?: { readonly value: unknown }
  }>
}

interface Document {
  openrpc: string
  methods: Method[]
  components: { readonly errors: Readonly<Record<string, unknown>> }
}

const load = createRequire(import.meta.url)

/** The rules of OpenRPC 1.4, and of the schemas in it. */
const isOpenRpc: ValidateFunction = new Ajv({ strict: false, validateSchema: false, validateFormats: false })
  .addSchema(load("@json-schema-tools/meta-schema/schema.json") as object, "https://meta.json-schema.tools")
  .compile(load("@open-rpc/spec/1_4/schema.json") as object)

const { startDaemon } = setup()
let document: Document

beforeEach(async () => {
  const { connect } = await startDaemon()
  const client = await connect()
  document = await client.request<Document>("rpc.discover")
})

describe("what rpc.discover answers", () => {
  it("is an OpenRPC document", () => {
    isOpenRpc(document)
    expect(isOpenRpc.errors ?? []).toEqual([])
  })

  it("would not pass with a method that has no name, or a field that OpenRPC does not know", () => {
    for (const broken of [{ params: [] }, { name: "x", params: [], returns: 1 }]) {
      expect(isOpenRpc({ ...document, methods: [...document.methods, broken] })).toBe(false)
    }
  })

  it("has schemas of draft 7, which its examples fit", () => {
    // Strict: a keyword that draft 7 does not know is an error.
    const ajv = new Ajv({ strict: true, allowUnionTypes: true, validateFormats: false })
    for (const { name, params, result, examples } of document.methods) {
      const check = (schema: object, value: unknown, what: string): void => {
        expect(ajv.validate(schema, value), `${name}, ${what}: ${ajv.errorsText()}`).toBe(true)
      }
      for (const example of examples) {
        for (const given of example.params) {
          const described = params.find((param) => param.name === given.name)
          check(described?.schema ?? { not: {} }, given.value, given.name)
        }
        const left = params.filter(
          (param) => param.required && !example.params.some((given) => given.name === param.name),
        )
        expect(left, name).toEqual([])
        if (result !== undefined) check(result.schema, example.result?.value, "result")
      }
      // Those that no example gives compile too.
      for (const { schema } of params) ajv.compile(schema)
    }
  })

  it("has methods of different names, required params first, and errors that it explains", () => {
    const names = document.methods.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { name, params, errors = [] } of document.methods) {
      const order = params.map(({ required }) => required)
      expect(order, name).toEqual(order.toSorted((one, other) => Number(other) - Number(one)))
      for (const { $ref } of errors) {
        expect(document.components.errors).toHaveProperty($ref.replace("#/components/errors/", ""))
      }
    }
  })
})
