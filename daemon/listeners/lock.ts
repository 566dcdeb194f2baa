/**
 * At most one daemon per socket path, on plain Node, which has no flock.
 * Knows files and processes; does not know what a socket is, nor whether anybody answers on it: callers probe.
 *
 * Theory of operation. Every contender creates a file of its own beside the socket, and only then looks for others.
 * Of two contenders the one that creates later looks later still, so it sees the other: never can both win.
 * Both may withdraw; then each waits a random time and tries again. Who sees no living rival has the lock.
 * File names say pid and start of the process, hence are never used by another process: removing a dead one's is safe.
 * The trap: processes of other pid namespaces look dead. `link()` in `unixSocket.ts` is the second line there.
 */

import { readFileSync } from "node:fs"
import { lstat, open, readdir, rm } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { setTimeout as sleepMs } from "node:timers/promises"
import { rpcError } from "../../protocol/errors.ts"

/** The lock of one socket path, held until released or until this process ends. */
export interface Lock {
  /** Removes the lock file. Calling it again does nothing more. */
  release(): Promise<void>
}

/** One process, never to be confused with another: pids come again, a pid with its start does not. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in letters, digits, `_` and `-`; opaque. */
  readonly startId: string
}

/** What the lock must know of processes. */
export interface Processes {
  readonly self: ProcessIdentity
  isAlive(identity: ProcessIdentity): boolean
}

/** Facts and services of the outside, so that tests own them. */
export interface Contention {
  readonly processes?: Processes
  /** From 0 to below 1, different in every contender. */
  readonly random?: () => number
  readonly sleep?: (ms: number) => Promise<unknown>
}

/** Tries before giving up: with the waits below about five seconds, far longer than a start or an end takes. */
const MAX_TRIES = 40
/** The first wait is shorter than this; a try takes about a millisecond, so two contenders soon miss each other. */
const FIRST_WAIT_MS = 10
/** Waits grow up to this, so that a crowd spreads out, yet nobody sleeps through a free lock for long. */
const LONGEST_WAIT_MS = 250

/**
 * Takes the lock of `socketPath`, whose directory must exist.
 * Before each wait for a living rival it calls `onRival`, which may end the attempt by throwing.
 * Throws what `onRival` throws; OsFailure, errno `EADDRINUSE`, after about five seconds; Node's error when the lock
 * file cannot be made. When it throws, no lock file of this call is left.
 */
export async function acquireLock(
  socketPath: string,
  onRival: () => Promise<void> = async () => {},
  { processes = systemProcesses(), random = Math.random, sleep = sleepMs }: Contention = {},
): Promise<Lock> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await tryLock(socketPath, processes)
    if ("release" in outcome) return outcome
    await onRival()
    if (tries === MAX_TRIES) throw stillLocked(socketPath, outcome)
    await sleep(random() * Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS))
  }
}

/** One attempt: the lock, or a living rival for whom it withdrew. */
async function tryLock(socketPath: string, processes: Processes): Promise<Lock | ProcessIdentity> {
  const file = lockFile(socketPath, processes.self)
  // Our own name is there already: another listener of this very process has the lock, or wants it.
  if (!(await createExclusively(file))) return processes.self
  let rival: ProcessIdentity | undefined
  try {
    rival = await findRival(socketPath, file, processes)
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
  if (rival === undefined) return lockOf(file)
  await rm(file, { force: true })
  return rival
}

function lockOf(file: string): Lock {
  // Once only: after the release the same name may be a later listener's of this process.
  let released: Promise<void> | undefined
  return { release: () => (released ??= rm(file, { force: true })) }
}

/** A living contender other than the owner of `ownFile`, if any. Removes the files of the dead on its way. */
async function findRival(
  socketPath: string,
  ownFile: string,
  processes: Processes,
): Promise<ProcessIdentity | undefined> {
  const directory = dirname(socketPath)
  const { uid } = await lstat(ownFile)
  for (const name of await readdir(directory)) {
    const file = join(directory, name)
    const identity = identityIn(name, socketPath)
    if (identity === undefined || name === basename(ownFile)) continue
    // In a shared directory anybody can make a file of that name. Who is not us cannot shut us out, nor lose a file.
    if (!(await isOwnedBy(file, uid))) continue
    if (processes.isAlive(identity)) return identity
    await rm(file, { force: true })
  }
  return undefined
}

function lockFile(socketPath: string, { pid, startId }: ProcessIdentity): string {
  return join(dirname(socketPath), `${basename(socketPath)}.lock.${pid}.${startId}`)
}

function identityIn(name: string, socketPath: string): ProcessIdentity | undefined {
  const prefix = `${basename(socketPath)}.lock.`
  if (!name.startsWith(prefix)) return undefined
  const [, pid, startId] = /^([1-9]\d*)\.([\w-]+)$/.exec(name.slice(prefix.length)) ?? []
  return pid === undefined || startId === undefined ? undefined : { pid: Number(pid), startId }
}

async function createExclusively(file: string): Promise<boolean> {
  try {
    await (await open(file, "wx", 0o600)).close()
    return true
  } catch (error) {
    if (hasErrno(error, "EEXIST")) return false
    throw error
  }
}

async function isOwnedBy(file: string, uid: number): Promise<boolean> {
  try {
    const stats = await lstat(file)
    return stats.isFile() && stats.uid === uid
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return false
    throw error
  }
}

function stillLocked(socketPath: string, rival: ProcessIdentity): Error {
  const message =
    `process ${rival.pid} is starting or stopping a daemon on ${socketPath} and does not get done; wait for it, ` +
    `or, if that process is no transportd, remove ${lockFile(socketPath, rival)}`
  return rpcError("OsFailure", message, { errno: "EADDRINUSE", path: socketPath })
}

/** The processes of this system as seen from this one: exact where there is `/proc`, by pid alone elsewhere. */
function systemProcesses(): Processes {
  const startId = ownStartId()
  // Platform: without /proc the start of others is unknown; `startId` then only tells our own files apart.
  const self = { pid: process.pid, startId: startId ?? String(Math.round(performance.timeOrigin)) }
  const isAliveElsewhere = startId === undefined ? isPidTaken : isSameProcess
  return {
    self,
    isAlive: (other) => (other.pid === self.pid ? other.startId === self.startId : isAliveElsewhere(other)),
  }
}

function ownStartId(): string | undefined {
  try {
    return startIdOf(process.pid)
  } catch {
    return undefined
  }
}

function isSameProcess({ pid, startId }: ProcessIdentity): boolean {
  return startIdOf(pid) === startId
}

function isPidTaken({ pid }: ProcessIdentity): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Anything else, EPERM above all, means that somebody is there.
    return !hasErrno(error, "ESRCH")
  }
}

/**
 * Boot and start time of the living process `pid`, or undefined when there is none.
 * A zombie is dead: its descriptors are closed, and in a container without an init it may stay for ever.
 *
 * **Source:** proc_pid_stat(5): field 3 is the state, field 22 the start in clock ticks since boot.
 */
function startIdOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    // Field 2 is the program's name in parentheses, which may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (fields[0] === "Z" || fields[0] === "X") return undefined
    // Why the boot: a service may get the same pid in the same tick of the next one, and its lock file survived.
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8)
    return `${boot}-${fields[22 - 3]}`
  } catch (error) {
    if (hasErrno(error, "ENOENT") || hasErrno(error, "ESRCH")) return undefined
    throw error
  }
}

function hasErrno(error: unknown, errno: string): boolean {
  return error instanceof Error && "code" in error && error.code === errno
}
