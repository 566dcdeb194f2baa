/** Named pipes of tests, in a folder of their own. */
import { execFileSync } from "node:child_process"
import { constants, openSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Harness } from "./setup.ts"

type Cleanup = Pick<Harness, "cleanup">

/** A folder that is gone after the test. */
export async function folder({ cleanup }: Cleanup): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "transportd-"))
  cleanup(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A named pipe that nobody has opened. */
export async function namedPipe(harness: Cleanup): Promise<string> {
  const path = join(await folder(harness), "pipe")
  execFileSync("mkfifo", [path])
  return path
}

export function openForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
}

/** Somebody must read it already. */
export function openForWriting(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
}

/** The other side of a pipe that the daemon reads. */
export function writer({ cleanup }: Cleanup, path: string): Socket {
  const stream = new Socket({ fd: openForWriting(path), readable: false, writable: true })
  stream.on("error", () => {})
  cleanup(() => stream.destroy())
  return stream
}

/** The other side of a pipe that the daemon writes: not read until somebody asks. */
export function reader({ cleanup }: Cleanup, path: string): Socket {
  const stream = new Socket({ fd: openForReading(path), readable: true, writable: false })
  stream.on("error", () => {})
  cleanup(() => stream.destroy())
  return stream
}
