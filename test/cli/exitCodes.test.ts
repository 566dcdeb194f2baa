/** What the command ends with, and why: the table, and the way there from errors. */
import { describe, expect, it } from "vitest"
import { ConnectionEnded, RpcError } from "transportd/client"
import { EXIT_CODES, exitCodeHelp, exitCodeOf } from "../../cli/exitCodes.ts"
import { explain, Failure } from "../../cli/failure.ts"

describe("the exit status", () => {
  it("has one meaning each, which the help shows", () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const { code, meaning } of Object.values(EXIT_CODES)) expect(exitCodeHelp()).toContain(`${code}  ${meaning}`)
  })

  it("of a program is its own, or 128 and the signal", () => {
    expect(exitCodeOf(0)).toBe(0)
    expect(exitCodeOf(7)).toBe(7)
    expect(exitCodeOf(-15)).toBe(143)
  })

  it.each([
    [new Failure("notRunning", "no"), 3],
    [new RpcError(1203, "late"), 124],
    [new RpcError(1005, "no", {}), 4],
    [new RpcError(1201, "no", { errno: "EACCES" }), 4],
    [new RpcError(1201, "no", { errno: "ECONNREFUSED" }), 1],
    [new RpcError(1101, "none"), 3],
    [new RpcError(-32_603, "bug"), 1],
    [new ConnectionEnded(), 5],
    [Object.assign(new Error("no"), { code: "EPERM" }), 4],
    [new TypeError("oops"), 1],
    ["a string", 1],
  ])("of %s is %i", (error, code) => {
    const explained = explain(error)
    expect(explained.code).toBe(code)
    expect(explained.sentence).not.toContain("\n")
  })
})
