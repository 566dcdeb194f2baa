/**
 * Where the daemon's own socket is, and whether a path can name a socket at all.
 * Pure: environment and host facts are handed in, nothing is created, looked up or asked.
 */

import { posix } from "node:path"
import { rpcError } from "../../protocol/errors.ts"
import { MAX_SOCKET_PATH_BYTES } from "../../protocol/limits.ts"

/** Environment variables by name; an empty value counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What the path depends on beside the environment: `os.homedir()`, `os.hostname()` and `os.userInfo()`. */
export interface HostFacts {
  readonly homedir: string
  readonly hostname: string
  readonly uid?: number
  readonly username?: string
}

/**
 * The path where the daemon listens and clients look for it.
 * The first of: `explicit`, `$TRANSPORTD_SOCKET`, then the default place of `platform` (a `process.platform`):
 * a named pipe on Windows, else the user's runtime directory, else the state directory.
 * The result is not checked: see {@link checkSocketPath}.
 *
 * **Source:** `wire.md` §12; XDG Base Directory Specification, which says that a relative `$XDG_…` is to be ignored.
 */
export function resolveSocketPath(env: Environment, platform: string, host: HostFacts, explicit?: string): string {
  return explicit || env.TRANSPORTD_SOCKET || defaultSocketPath(env, platform, host)
}

function defaultSocketPath(env: Environment, platform: string, host: HostFacts): string {
  if (platform === "win32") {
    const user = host.username ?? String(host.uid ?? "user")
    return `\\\\.\\pipe\\transportd-${fileNamePart(user)}`
  }
  const runtime = absolute(env.XDG_RUNTIME_DIR)
  if (runtime !== undefined) return posix.join(runtime, "transportd", "transportd.sock")
  // Why: home directories may be shared between hosts, sockets cannot, so the file carries the host's name.
  const state = absolute(env.XDG_STATE_HOME) ?? posix.join(host.homedir, ".local", "state")
  return posix.join(state, "transportd", `${fileNamePart(host.hostname)}.sock`)
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && posix.isAbsolute(path) ? path : undefined
}

function fileNamePart(name: string): string {
  return name.replaceAll(/[/\\\0]/g, "-")
}

/**
 * Returns when `path` can name a Unix socket; for the daemon's own socket and for those that clients ask for.
 * Throws OsFailure, errno `ENAMETOOLONG` over {@link MAX_SOCKET_PATH_BYTES}, `EINVAL` when empty or with a NUL byte:
 * the system would cut the path there, and another file would be meant than was checked (a leading NUL names an
 * abstract socket, which has no permissions at all).
 */
export function checkSocketPath(path: string): void {
  if (path === "" || path.includes("\0")) {
    const message = `the socket path ${JSON.stringify(path)} is empty or has a NUL byte; give the path of a file`
    throw rpcError("OsFailure", message, { errno: "EINVAL", path })
  }
  const lengthBytes = Buffer.byteLength(path)
  if (lengthBytes > MAX_SOCKET_PATH_BYTES) {
    const message =
      `the socket path ${path} has ${lengthBytes} bytes, and at most ${MAX_SOCKET_PATH_BYTES} fit a socket address; ` +
      "choose a shorter name or a directory nearer the root"
    throw rpcError("OsFailure", message, { errno: "ENAMETOOLONG", path })
  }
}
