/**
 * The daemon in the background: starting it detached, its log, and telling when it is gone.
 * That there is one per socket is the daemon's own doing (`serve` refuses to be the second); here is only the waiting.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { createHash } from "node:crypto"
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs"
import { basename, dirname, join as joinPath } from "node:path"
import type { Readable } from "node:stream"
import { setTimeout as sleepMs } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Client } from "transportd/client"
import { Failure } from "./failure.ts"
import { tryJoin } from "./join.ts"
import { stateDirectory } from "./socketPath.ts"

/** How long the daemon has to come up: on a busy machine it takes a second or two. */
const START_MS = 30_000

/** Between two looks at a process that is not ours to wait for. */
const LOOK_MS = 20

/** Starts a daemon on `path` and joins it; or joins the one that somebody else started in the meantime. */
export async function launch(path: string): Promise<{ client: Client; started: boolean }> {
  const log = openLog(path)
  const args = [fileURLToPath(new URL("main.js", import.meta.url)), "serve", "--ready-fd", "3"]
  const child = spawn(process.execPath, [...args, "--socket", path], {
    detached: true,
    // A folder that it sat in could not be removed, nor its disk taken out.
    cwd: "/",
    stdio: ["ignore", log?.fd ?? "ignore", log?.fd ?? "ignore", "pipe"],
  })
  if (log !== null) closeSync(log.fd)
  const outcome = await ready(child)
  const client = await tryJoin(path)
  if (client !== null) return { client, started: outcome === "ready" && client.greeting.serverInfo.pid === child.pid }
  if (outcome === "late") child.kill("SIGKILL")
  throw new Failure(outcome === "late" ? "timedOut" : "failure", `the daemon did not start: ${reason(log)}`)
}

/** Resolves when the child says on descriptor 3 that it listens, when it ends without, or when that takes too long. */
function ready(child: ChildProcess): Promise<"ready" | "failed" | "late"> {
  const pipe = child.stdio[3] as Readable
  return new Promise<"ready" | "failed" | "late">((resolve) => {
    const timer = setTimeout(() => resolve("late"), START_MS)
    const settle = (outcome: "ready" | "failed"): void => {
      clearTimeout(timer)
      resolve(outcome)
    }
    child.once("error", () => settle("failed"))
    pipe
      .once("data", () => settle("ready"))
      .once("close", () => settle("failed"))
      .on("error", () => {})
  }).finally(() => {
    pipe.destroy()
    child.unref()
  })
}

/** Where the daemon on `path` writes when it runs in the background; one file per socket. */
export function logPath(path: string): string {
  const hash = createHash("sha256").update(path).digest("hex").slice(0, 8)
  return joinPath(stateDirectory(), `${basename(path).replace(/\.sock$/, "")}-${hash}.log`)
}

interface LogFile {
  readonly file: string
  readonly fd: number
  /** How long it was before: what follows is this start's. */
  readonly lengthBytes: number
}

/** Opens the log, or null where none can be written: a daemon without a log is better than none. */
function openLog(path: string): LogFile | null {
  const file = logPath(path)
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const fd = openSync(file, "a", 0o600)
    return { file, fd, lengthBytes: fstatSync(fd).size }
  } catch {
    return null
  }
}

/** What the daemon said last. */
function reason(log: LogFile | null): string {
  const advice = "run `transportd serve` to see why"
  if (log === null) return advice
  const lines = readFileSync(log.file).subarray(log.lengthBytes).toString().trimEnd().split("\n")
  const last = lines.at(-1)?.replace(/^transportd: /, "")
  return last ? `${last} (log: ${log.file})` : advice
}

/** Resolves to whether process `pid` ended within `timeoutMs`; a daemon that has ended has left its socket too. */
export async function gone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  while (isAlive(pid)) {
    if (performance.now() >= deadlineMs) return false
    await sleepMs(LOOK_MS)
  }
  return true
}

/** Whether process `pid` runs. One that ended and was not fetched by its parent, as in a container, does not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2))
  } catch (error) {
    // Platform: without /proc the signal has to do.
    return process.platform !== "linux" || (error as NodeJS.ErrnoException).code !== "ENOENT"
  }
}
