/** The declarations as a whole: examples that fit, names that say their unit, a closed and consistent list. */
import { expect, test } from "vitest"
import { z } from "zod"
import { ERRORS } from "../../protocol/errors.ts"
import { accepted, declarations } from "../../protocol/registry.ts"

const named = declarations.map((declaration) => [declaration.name, declaration] as const)
const requests = named.filter(([, { kind }]) => kind === "request")

test("no name is declared twice", () => {
  expect(new Set(named.map(([name]) => name)).size).toBe(named.length)
})

test("the daemon accepts all that clients send, and nothing that it sends itself", () => {
  for (const [name, declaration] of named) {
    const fromDaemon = declaration.kind === "notification" && declaration.sender === "daemon"
    expect([name, accepted.has(name)]).toEqual([name, !fromDaemon])
  }
})

test.each(named)("the example of %s fits its own schema", (_name, { params, example }) => {
  expect(params.safeParse(example.params)).toMatchObject({ success: true })
})

test.each(requests)("the example's result of %s fits its own schema", (_name, declaration) => {
  if (declaration.kind !== "request") throw new Error("no request")
  expect(declaration.result.safeParse(declaration.example.result)).toMatchObject({ success: true })
  expect(Object.keys(ERRORS)).toEqual(expect.arrayContaining([...declaration.errors]))
  expect(declaration.errors).not.toContain("InternalError")
  expect(new Set(declaration.errors).size).toBe(declaration.errors.length)
})

test.each(named)("%s says what it does and since when", (_name, { summary, since }) => {
  expect(summary).toMatch(/^[A-Z].*\.$/s)
  expect(since).toMatch(/^\d+\.\d+\.\d+$/)
})

/** Every named field of a schema, with whether it can be a number. */
function fields(schema: z.ZodType, io: "input" | "output"): Array<{ name: string; numeric: boolean }> {
  const found: Array<{ name: string; numeric: boolean }> = []
  const look = (json: unknown): void => {
    if (typeof json !== "object" || json === null) return
    for (const [key, value] of Object.entries(json)) {
      if (key === "properties") {
        for (const [name, property] of Object.entries(value as object))
          found.push({ name, numeric: isNumeric(property) })
      }
      look(value)
    }
  }
  look(z.toJSONSchema(schema, { io, unrepresentable: "any" }))
  return found
}

function isNumeric(property: unknown): boolean {
  const { type, anyOf = [] } = property as { type?: unknown; anyOf?: unknown[] }
  return type === "number" || type === "integer" || anyOf.some(isNumeric)
}

test.each(named)("every field of %s that is a time or a size says its unit", (_name, declaration) => {
  const schemas = declaration.kind === "request" ? [declaration.params, declaration.result] : [declaration.params]
  for (const { name, numeric } of schemas.flatMap((schema) => fields(schema, "input"))) {
    if (!numeric) continue
    const suggests = /time|delay|timeout|grace|age|interval|deadline|size|window|limit|length|high|low|retain/i
    // The length of a byte message and the counts of `daemon/info` are none of these.
    if (suggests.test(name.replace(/language|message/i, ""))) expect(name).toMatch(/(Ms|Bytes)$/)
  }
})
