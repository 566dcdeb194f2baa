/** The processes around the client: remotes, relays and daemons, each started from its file and told to end. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"

export interface Role<Ready> {
  readonly child: ChildProcess
  readonly pid: number
  /** What it said once it was ready. */
  readonly ready: Ready
  stop(): Promise<void>
}

/** Node's own flags go to all: with `--cpu-prof` every process writes its profile. */
const FLAGS = process.execArgv

/** Starts `roles/NAME`; it is ready when it has printed a line of JSON. It ends when its standard input does. */
export async function startRole<Ready>(name: string, ...args: string[]): Promise<Role<Ready>> {
  const file = fileURLToPath(new URL(`roles/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [...FLAGS, file, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  const [line] = (await once(createInterface(child.stdout), "line")) as [string]
  return {
    child,
    pid: child.pid as number,
    ready: JSON.parse(line) as Ready,
    stop: async () => {
      child.stdin.end()
      await once(child, "exit")
    },
  }
}

export const COMMAND = fileURLToPath(new URL("../cli/main.js", import.meta.url))

/** Starts the real daemon on `socket`. */
export async function startDaemon(socket: string): Promise<Role<null>> {
  const child = spawn(process.execPath, [...FLAGS, COMMAND, "serve", "--socket", socket, "--ready-fd", "3"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  })
  await once(child.stdio[3] as Readable, "data")
  return {
    child,
    pid: child.pid as number,
    ready: null,
    stop: async () => {
      child.kill("SIGTERM")
      await once(child, "exit")
    },
  }
}

/** Memory of a process that is in use now. */
export function residentBytes(pid: number): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024
}
