/** Where the daemon's socket is looked for, and which paths cannot name one. */

import { expect, test } from "vitest"
import { resolveSocketPath } from "../../daemon/listeners/socketPath.ts"
import { checkSocketPath } from "../../daemon/open/socketPath.ts"
import { MAX_SOCKET_PATH_BYTES } from "../../protocol/limits.ts"

const host = { homedir: "/home/ada", hostname: "engine", uid: 1000, username: "ada" }
const runtimePath = "/run/user/1000/transportd/transportd.sock"
const homePath = "/home/ada/.local/state/transportd/engine.sock"
const relative = { XDG_RUNTIME_DIR: "run", XDG_STATE_HOME: "state" }
const everything = { TRANSPORTD_SOCKET: "/env.sock", XDG_RUNTIME_DIR: "/run/user/1000", XDG_STATE_HOME: "/state" }

test.each([
  ["an explicit path wins", everything, "linux", "/explicit.sock", "/explicit.sock"],
  ["then comes TRANSPORTD_SOCKET", everything, "linux", undefined, "/env.sock"],
  ["then the runtime directory", { ...everything, TRANSPORTD_SOCKET: "" }, "linux", "", runtimePath],
  ["then the state directory", { XDG_STATE_HOME: "/state" }, "linux", undefined, "/state/transportd/engine.sock"],
  ["then its default", {}, "darwin", undefined, homePath],
  ["relative XDG directories are ignored", relative, "linux", undefined, homePath],
  ["Windows has a named pipe", { XDG_RUNTIME_DIR: "/run" }, "win32", undefined, "\\\\.\\pipe\\transportd-ada"],
  ["Windows takes TRANSPORTD_SOCKET too", everything, "win32", undefined, "/env.sock"],
])("%s", (_, env, platform, explicit, expected) => {
  expect(resolveSocketPath(env, platform, host, explicit)).toBe(expected)
})

test("a host name cannot lead out of the directory", () => {
  const path = resolveSocketPath({}, "linux", { ...host, hostname: "../../etc" })
  expect(path).toBe("/home/ada/.local/state/transportd/..-..-etc.sock")
})

test("the bound counts bytes, and its error says the length, the bound and the cure", () => {
  const longest = "/".padEnd(MAX_SOCKET_PATH_BYTES, "x")
  checkSocketPath(longest)
  const tooLong = longest.slice(0, -1) + "é"
  expect(() => checkSocketPath(tooLong)).toThrow(
    expect.objectContaining({
      name: "OsFailure",
      message: expect.stringMatching(/has 104 bytes, and at most 103 .*choose a shorter/),
      data: { errno: "ENAMETOOLONG", path: tooLong },
    }),
  )
})

test.each(["", "/run/real.sock\0.allowed", "\0abstract"])("%j is no path of a socket", (path) => {
  expect(() => checkSocketPath(path)).toThrow(
    expect.objectContaining({ name: "OsFailure", data: { errno: "EINVAL", path } }),
  )
})
