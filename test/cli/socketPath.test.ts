/** Clients look where the daemon listens: the two answers, which are computed apart, are the same. */
import { resolve } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultSocketPath } from "transportd/daemon"
import { socketPath, stateDirectory } from "../../cli/socketPath.ts"

const place = fc.constantFrom(undefined, "", "/run/user/1", "relative/folder", "/with space/ü")
const environment = fc.record({
  HOME: fc.constant("/home/somebody"),
  TRANSPORTD_SOCKET: fc.constantFrom(undefined, "", "/tmp/chosen.sock"),
  XDG_RUNTIME_DIR: place,
  XDG_STATE_HOME: place,
})

describe("the path of the socket", () => {
  it("is the daemon's own, in any environment", () => {
    fc.assert(
      fc.property(environment, fc.constantFrom(undefined, "", "/tmp/explicit.sock"), (env, explicit) => {
        expect(socketPath(explicit, env)).toBe(defaultSocketPath(explicit, env))
      }),
    )
  })

  it("means the same in another folder", () => {
    expect(socketPath("a.sock", {})).toBe(resolve("a.sock"))
    expect(socketPath(undefined, { TRANSPORTD_SOCKET: "b.sock" })).toBe(resolve("b.sock"))
  })

  it("has logs beside it in the state directory", () => {
    expect(stateDirectory({ XDG_STATE_HOME: "/state" })).toBe("/state/transportd")
    expect(stateDirectory({ XDG_STATE_HOME: "state" })).toMatch(/\/\.local\/state\/transportd$/)
  })
})
