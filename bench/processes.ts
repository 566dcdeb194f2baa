/** The processes around the client: remotes, relays and daemons, each started from its file and told to end. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
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

export interface Daemon {
  readonly pid: number
  readonly socket: string
  stop(): Promise<void>
}

/** Node's own flags go to all: with `--cpu-prof` every process writes its profile. */
const FLAGS = process.execArgv

/** Starts `roles/NAME`; it is ready when it has printed a line of JSON. It ends when its standard input does. */
export async function startRole<Ready>(name: string, ...args: string[]): Promise<Role<Ready>> {
  const file = fileURLToPath(new URL(`roles/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [...FLAGS, file, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  const line = await Promise.race([
    once(createInterface(child.stdout), "line").then(([first]) => first as string),
    once(child, "exit").then(([status]) =>
      Promise.reject(new Error(`${name} ended with ${status} before it was ready`)),
    ),
  ])
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
export async function startDaemon(socket: string): Promise<Daemon> {
  const child = spawn(process.execPath, [...FLAGS, COMMAND, "serve", "--socket", socket, "--ready-fd", "3"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  })
  await once(child.stdio[3] as Readable, "data")
  return {
    pid: child.pid as number,
    socket,
    stop: async () => {
      child.kill("SIGTERM")
      await once(child, "exit")
    },
  }
}

/** The children of a process, and theirs. */
export function descendants(pid: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n")
  const all = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  const under = (parent: number): number[] =>
    all.filter(([, its]) => its === parent).flatMap(([child]) => [child, ...under(child)])
  return under(pid)
}

/** Platform: what follows is read from `/proc`, and where there is none is not known: NaN, or no limit. */

/** Memory of a process that is in use now. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(proc(pid, "status"))?.[1]) * 1024
}

/** Processor time that the threads of a process have taken, in user mode and in the kernel. */
export function cpuSeconds(pid: number): number {
  const threads = entries(`/proc/${pid}/task`).map((thread) => proc(pid, `task/${thread}/schedstat`).split(" ")[0])
  return threads.length === 0 ? Number.NaN : threads.reduce((sum, each) => sum + Number(each), 0) / 1e9
}

/** How many descriptors a process started here may have: Node raises its own limit to the hard one. */
export function maxDescriptors(): number {
  const [, hard] = /^Max open files +\S+ +(\d+)/m.exec(proc(process.pid, "limits")) ?? []
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard)
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function proc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}
