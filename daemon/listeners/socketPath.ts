/**
 * Where the daemon's own socket is.
 * Pure: environment and host facts are handed in, nothing is created, looked up or asked.
 */

import { posix } from "node:path"

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
 * The result is not checked: see `checkSocketPath` of `open/socketPath.ts`.
 *
 * **Source:** `docs/protocol.md`; XDG Base Directory Specification, which says that a relative `$XDG_…` is to be ignored.
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
