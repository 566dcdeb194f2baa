/** The processes around the client: remotes, relays and daemons, each started from its file and told to end. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
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

/** Platform: what follows is read from `/proc`, and is NaN where there is none. */

/** Memory of a process that is in use now. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(proc(pid, "status"))?.[1]) * 1024
}

/** Processor time that a process has taken, all its threads, in user mode and in the kernel; counted in 10 ms. */
export function cpuSeconds(pid: number): number {
  // Behind the name, which may hold anything, the 12th and the 13th field, in ticks of 1/100 s on every Linux.
  const fields = proc(pid, "stat").split(") ").at(-1)?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function proc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}
