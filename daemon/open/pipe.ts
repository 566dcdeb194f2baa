/** Opens named pipes and terminals by path, without ever waiting inside the system for the other side. */
import { close, constants, open } from "node:fs"
import { stat } from "node:fs/promises"
import { promisify } from "node:util"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import type { Clock } from "../clock.ts"
import { isSystemError, openFailure } from "../failures.ts"
import { pipeOf, type Pipe } from "../transports/pipe.ts"
import type { ClientDescriptors, DescriptorRef } from "./clientDescriptors.ts"
import { kindOf } from "./descriptors.ts"

export type PipeParams = Pick<ParsedParams<"loop/connectWritePipe">, "path" | "fd">

/** How often a named pipe is tried that nobody reads yet: the system tells nobody when that changes. */
const RETRY_MS = 20

/** O_NONBLOCK: a named pipe is opened at once or not at all. O_NOCTTY: a terminal does not become the daemon's own. */
const FLAGS = constants.O_NONBLOCK | constants.O_NOCTTY

/** Fails with OsFailure (ENOENT, EACCES, …), or InvalidParams for what is no pipe. Source: asyncio `connect_read_pipe`. */
export async function openReadPipe(
  { path, fd }: PipeParams,
  descriptors: ClientDescriptors,
  signal: AbortSignal,
): Promise<Pipe> {
  if (path === undefined) return adopt(fd as DescriptorRef, "read", descriptors, signal)
  await checkPath(path)
  return checked(path, await openFile(path, constants.O_RDONLY | FLAGS).catch(rethrow), "read")
}

export interface Patience {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * As {@link openReadPipe}; a named pipe is tried until somebody reads it. Fails with TimedOut and RequestCancelled too.
 * Source: asyncio `connect_write_pipe`.
 */
export async function openWritePipe(
  { path, fd }: PipeParams,
  descriptors: ClientDescriptors,
  { clock, timeoutMs, signal }: Patience,
): Promise<Pipe> {
  if (path === undefined) return adopt(fd as DescriptorRef, "write", descriptors, signal)
  await checkPath(path)
  const startedMs = clock.nowMs()
  for (;;) {
    const opened = await openFile(path, constants.O_WRONLY | FLAGS).catch(whenUnread)
    if (opened !== null) return checked(path, opened, "write")
    if (signal.aborted) throw rpcError("RequestCancelled", `opening ${path} was cancelled`)
    if (clock.nowMs() - startedMs >= timeoutMs) {
      const message = `nobody read ${path} within ${timeoutMs} ms`
      throw rpcError("TimedOut", message, { operation: "loop/connectWritePipe", timeoutMs })
    }
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
  }
}

/** Not `fs.promises`: its handles close themselves when they are collected. */
const openFile = promisify(open)
const closeFile = promisify(close)

async function adopt(
  ref: DescriptorRef,
  use: "read" | "write",
  descriptors: ClientDescriptors,
  signal: AbortSignal,
): Promise<Pipe> {
  const { giveBack, ...taken } = await descriptors.take(ref, ["fifo", "socket", "terminal"], signal)
  try {
    return pipeOf(taken, use)
  } catch {
    giveBack()
    throw rpcError("InvalidParams", `descriptor ${ref} cannot be a pipe transport: it is no stream`)
  }
}

/** Before anything is opened: some devices do something when they are. */
async function checkPath(path: string): Promise<void> {
  const found = await stat(path).catch(rethrow)
  if (found.isFIFO() || found.isCharacterDevice()) return
  throw noPipe(path, found.isSocket() ? "it is a socket: use loop/createUnixConnection" : undefined)
}

async function checked(path: string, fd: number, use: "read" | "write"): Promise<Pipe> {
  const kind = kindOf(fd)
  if (kind === "fifo" || kind === "terminal") return pipeOf({ fd, kind, path }, use)
  await closeFile(fd)
  throw noPipe(path)
}

function noPipe(path: string, why = "it is neither a named pipe nor a terminal"): Error {
  return rpcError("InvalidParams", `${path} cannot be a pipe transport: ${why}`)
}

/** Null while nobody reads. Source: fifo(7). */
function whenUnread(error: unknown): null {
  if (isSystemError(error) && error.code === "ENXIO") return null
  return rethrow(error)
}

function rethrow(error: unknown): never {
  throw openFailure(error)
}
