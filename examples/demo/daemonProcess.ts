/** The daemon of the demonstration: the real command, in a process of its own, on a socket in a temporary folder. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { connect, type Client } from "transportd/client"

export interface DaemonProcess {
  readonly socket: string
  readonly pid: number
  /** A client that is ready for use. */
  join(name: string): Promise<Client>
  /** Ends it as a service manager would; resolves to its exit status. */
  stop(): Promise<number | null>
}

/** Starts `transportd serve`; resolves once clients can connect. */
export async function startDaemon(): Promise<DaemonProcess> {
  const folder = mkdtempSync(join(tmpdir(), "transportd-demo-"))
  const socket = join(folder, "daemon.sock")
  const command = fileURLToPath(new URL("../../cli/main.js", import.meta.url))
  const child = spawn(process.execPath, [command, "serve", "--socket", socket, "--ready-fd", "3"], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  })
  const ended = once(child, "exit").then(([code]) => code as number | null)
  const ready = once(child.stdio[3] as Readable, "data")
  await Promise.race([ready, ended.then((code) => Promise.reject(new Error(`the daemon ended with status ${code}`)))])
  return {
    socket,
    pid: child.pid as number,
    join: (name) => connect({ socket, clientInfo: { name } }),
    stop: async () => {
      child.kill("SIGTERM")
      const code = await ended
      rmSync(folder, { recursive: true, force: true })
      return code
    },
  }
}
