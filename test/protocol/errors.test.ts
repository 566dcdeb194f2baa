/** The error table: its rows are told apart, and survive the way over the wire. */
import { expect, test } from "vitest"
import { ERRORS, errorName, isRpcError, RpcError, rpcError, type ErrorName } from "../../protocol/errors.ts"

const rows = Object.entries(ERRORS) as Array<[ErrorName, (typeof ERRORS)[ErrorName]]>

test("no code and no name occurs twice", () => {
  expect(new Set(rows.map(([, { code }]) => code)).size).toBe(rows.length)
  expect(new Set(rows.map(([name]) => name.toLowerCase())).size).toBe(rows.length)
})

test.each(rows)(
  "%s has a code of its range, a meaning, and fields that are told once",
  (name, { code, meaning, data }) => {
    expect(Number.isSafeInteger(code)).toBe(true)
    expect((code >= 1001 && code < 1600) || (code <= -32000 && code >= -32899)).toBe(true)
    expect(meaning).not.toBe("")
    expect(new Set(data).size).toBe(data.length)
    expect(errorName(code)).toBe(name)
  },
)

test.each(rows)("%s comes over the wire as itself", (name) => {
  const error = rpcError(name, "the reason", {})
  const back = RpcError.fromWire(JSON.parse(JSON.stringify(error.toWire())))
  expect(back).toMatchObject({ name, code: ERRORS[name].code, message: "the reason", data: {} })
  expect(back).toBeInstanceOf(Error)
  expect(isRpcError(back, name)).toBe(true)
})

test("data is told where there is some, and left out where there is none", () => {
  expect(rpcError("NameTaken", "taken", { name: "x" }).toWire()).toEqual({
    code: 1106,
    message: "taken",
    data: { name: "x" },
  })
  expect(rpcError("NotInitialized", "first").toWire()).toEqual({ code: -32002, message: "first" })
})

test("errno is what the system said, and undefined where it said nothing", () => {
  expect(rpcError("OsFailure", "x", { errno: "ECONNREFUSED" }).errno).toBe("ECONNREFUSED")
  expect(rpcError("OsFailure", "x", { errno: 5 }).errno).toBeUndefined()
  expect(rpcError("TimedOut", "x").errno).toBeUndefined()
})

test("a code of a newer daemon is an UnknownError that keeps its code", () => {
  expect(RpcError.fromWire({ code: 4711, message: "new" })).toMatchObject({ name: "UnknownError", code: 4711 })
  expect(errorName(4711)).toBeUndefined()
})
