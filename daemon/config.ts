/**
 * Every setting of the daemon: name with unit, default, environment name.
 * The only place below the command line that reads the environment.
 */
import { homedir, hostname, userInfo } from "node:os"
import { z } from "zod"
import {
  CLOSE_DEADLINE_MS,
  KILL_DEADLINE_MS,
  MAX_CLIENTS,
  MAX_MESSAGE_BYTES,
  MAX_TRANSPORTS_PER_CLIENT,
  RETAIN_CLOSED_BYTES,
  RETAIN_CLOSED_MS,
} from "../protocol/limits.ts"
import { resolveSocketPath } from "./listeners/socketPath.ts"

/** The settings; `$TRANSPORTD_` and the name in capitals sets each from outside: `$TRANSPORTD_MAX_CLIENTS`. */
export const Settings = z.object({
  maxMessageBytes: z.coerce
    .number()
    .int()
    .min(1024)
    .default(MAX_MESSAGE_BYTES)
    .meta({ description: "longest message that a client may send" }),
  maxClients: z.coerce.number().int().min(1).default(MAX_CLIENTS).meta({ description: "clients at once" }),
  maxTransports: z.coerce
    .number()
    .int()
    .min(1)
    .default(MAX_TRANSPORTS_PER_CLIENT)
    .meta({ description: "transports and servers of one client" }),
  closeDeadlineMs: z.coerce
    .number()
    .min(0)
    .default(CLOSE_DEADLINE_MS)
    .meta({ description: "how long a transport may flush once its client is gone" }),
  killDeadlineMs: z.coerce
    .number()
    .min(0)
    .default(KILL_DEADLINE_MS)
    .meta({ description: "how long a process group has between SIGTERM and SIGKILL once its client is gone" }),
  retainClosedMs: z.coerce
    .number()
    .min(0)
    .default(RETAIN_CLOSED_MS)
    .meta({ description: "how long a transport with lifetime daemon can be attached after it ended" }),
  retainClosedBytes: z.coerce
    .number()
    .int()
    .min(0)
    .default(RETAIN_CLOSED_BYTES)
    .meta({ description: "bytes kept of all transports that ended; beyond it the oldest is forgotten" }),
  maxKept: z.coerce
    .number()
    .int()
    .min(1)
    .default(MAX_TRANSPORTS_PER_CLIENT)
    .meta({ description: "transports and servers with lifetime daemon at once" }),
  logLevel: z
    .enum(["error", "warn", "info", "debug"])
    .default("warn")
    .meta({ description: "what is logged on stderr" }),
})

export type Settings = z.output<typeof Settings>

/** The environment name of a setting. */
export function environmentName(setting: string): string {
  return `TRANSPORTD_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** The settings of this process's environment; throws a sentence that names the variable when one makes no sense. */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv = process.env): Settings {
  const given = Object.keys(Settings.shape).flatMap((setting) => {
    const value = env[environmentName(setting)]
    return value === undefined || value === "" ? [] : [[setting, value] as const]
  })
  const parsed = Settings.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`$${environmentName(String(issue?.path[0]))}: ${issue?.message}`)
}

/** What children inherit: this process's environment without what is meant for the daemon alone. */
export function childEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const ours = /^(TRANSPORTD_(?!SOCKET$)|LISTEN_(PID|FDS|FDNAMES)$|NOTIFY_SOCKET$|WATCHDOG_)/
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && !ours.test(entry[0])),
  )
}

/** Where the daemon of this user listens: `explicit`, else what the environment says. */
export function defaultSocketPath(explicit?: string, env: NodeJS.ProcessEnv = process.env): string {
  const { username, uid } = userInfo()
  return resolveSocketPath(env, process.platform, { homedir: homedir(), hostname: hostname(), username, uid }, explicit)
}

/** How many listening sockets a service manager handed to this very process: `sd_listen_fds(3)`; the first is 3. */
export function inheritedListeners(env: NodeJS.ProcessEnv = process.env): number {
  return env.LISTEN_PID === String(process.pid) ? Number(env.LISTEN_FDS ?? 0) : 0
}
