/**
 * Where clients look for the daemon of this user. The daemon's own answer is `defaultSocketPath`, which a test holds
 * this to: asking it would load every schema, and cost each client verb more than its work.
 */
import { homedir, hostname, userInfo } from "node:os"
import { posix, resolve } from "node:path"

/** `explicit`, else what the environment says; absolute, so that it means the same in another folder. */
export function socketPath(explicit?: string, env: NodeJS.ProcessEnv = process.env): string {
  const path = explicit || env.TRANSPORTD_SOCKET
  return path ? resolve(path) : defaultPath(env)
}

/** Source: `docs/protocol.md`. */
function defaultPath(env: NodeJS.ProcessEnv): string {
  const part = (name: string): string => name.replaceAll(/[/\\\0]/g, "-")
  if (process.platform === "win32") return `\\\\.\\pipe\\transportd-${part(userInfo().username)}`
  const runtime = env.XDG_RUNTIME_DIR
  if (runtime !== undefined && posix.isAbsolute(runtime)) return posix.join(runtime, "transportd", "transportd.sock")
  return posix.join(stateDirectory(env), `${part(hostname())}.sock`)
}

/** Where logs go. Source: XDG Base Directory Specification, which has a relative path ignored. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const state = env.XDG_STATE_HOME
  const base = state !== undefined && posix.isAbsolute(state) ? state : posix.join(homedir(), ".local", "state")
  return posix.join(base, "transportd")
}
