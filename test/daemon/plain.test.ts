import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isPlain } from "../../daemon/plain.ts"
import { accepted } from "../../protocol/registry.ts"

const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, -1, 2 ** 53, Number.NaN, "7", null, undefined),
)
const params = fc.record(
  {
    transport: number,
    offset: number,
    data: fc.oneof(fc.uint8Array(), fc.constantFrom("aGk=", "?", 1, null, undefined)),
    text: fc.constantFrom("hi", 1, undefined),
    addr: fc.oneof(
      fc.record(
        { host: fc.constantFrom("", "::1", "example.org", 7, null), port: fc.oneof(number, fc.constant(65_536)) },
        { requiredKeys: [] },
      ),
      fc.constantFrom({ host: "127.0.0.1", port: 9, family: "IPv4" }, [], "127.0.0.1:9", null, undefined),
    ),
  },
  { requiredKeys: [] },
)

const asJson = (fields: unknown): object =>
  JSON.parse(JSON.stringify({ ...(fields as object), data: undefined })) as object

describe.each(["transport/write", "transport/sendto", "transport/consumed"])(
  "what passes as plain params of %s",
  (method) => {
    it("fits the schema, which changes nothing in it that a handler sees", () => {
      let plain = 0
      const check = fc.property(params, (given) => {
        if (!isPlain(method, given)) return
        plain++
        const parsed = accepted.get(method)?.params.parse({ ...given })
        // As JSON both: a zero has no sign there, and what is undefined is absent.
        expect(asJson(given)).toMatchObject(asJson(parsed))
        expect((parsed as { data?: unknown }).data).toBe(method === "transport/consumed" ? undefined : given.data)
      })
      fc.assert(check, { numRuns: 2000 })
      expect(plain).toBeGreaterThan(0)
    })
  },
)

it("anything but an object, and any other message, is left to the schema", () => {
  for (const none of [null, undefined, 7, "transport", []]) expect(isPlain("transport/write", none)).toBe(false)
  expect(isPlain("transport/close", { transport: 7 })).toBe(false)
})
