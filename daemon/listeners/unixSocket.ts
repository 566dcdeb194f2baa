/**
 * The daemon's socket from before its first instant to after its last: directory, modes, staleness, removal.
 * Hands out accepted sockets as they come; knows nothing of clients, messages or what travels on them.
 *
 * Theory of operation. The lock lets one daemon at a time touch the path. It binds a temporary name, born with mode
 * 0600 thanks to the umask, and `link()`s it to the final one, which unlike rename never replaces what is there.
 * libuv remembers the temporary name only, so its close cannot remove the file of a successor; we remove the final
 * name ourselves while its inode is still ours.
 */

import { linkSync, lstatSync, mkdirSync, unlinkSync, type BigIntStats, type Stats } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { dirname, join } from "node:path"
import { RpcError, rpcError } from "../../protocol/errors.ts"
import { ReadMemory } from "../../protocol/framing/memory.ts"
import { BACKLOG } from "../../protocol/limits.ts"
import { isAnswered, isSameFile, listening, lstatIfThere, withMode } from "../open/socketFile.ts"
import { checkSocketPath } from "../open/socketPath.ts"
import { readsInto, withReads } from "../../sockets/reading.ts"
import { acquireLock, type Contention } from "./lock.ts"

/** A socket that accepts connections. */
export interface SocketListener {
  /** Where it listens; null when the socket was inherited, since Node cannot tell. */
  readonly path: string | null
  /**
   * Stops accepting and leaves nothing behind in the file system. Connections already accepted go on.
   * What another daemon has put at the path in the meantime stays. Calling it again returns the same promise.
   */
  close(): Promise<void>
}

/**
 * Takes one accepted socket, half-open allowed and paused, and the memory that it reads into. It must add an `error` listener before it returns: the first error may
 * come in the next tick, and one without a listener ends the daemon.
 */
export type OnConnection = (socket: Socket, memory: ReadMemory | undefined) => void

export interface ListenerOptions {
  readonly backlog?: number
  /** Told when accepting a connection failed (no descriptors left, say); listening goes on. */
  readonly onAcceptError?: (error: Error) => void
}

export interface UnixSocketOptions extends ListenerOptions {
  /**
   * Whether the directory exists for this socket alone, as the default place does: it must then be mode 0700 and ours.
   * A directory that is made here is held to that anyway. Default false: the user chose the path, and it suffices that
   * nobody else can replace files of ours in it.
   */
  readonly privateDirectory?: boolean
  /** For tests: a `process.platform`. */
  readonly platform?: string
  /** For tests: `process.geteuid()`. */
  readonly euid?: number
  /** For tests: what the lock knows of processes, chance and time. */
  readonly contention?: Contention
}

/**
 * Listens on `path` with a socket that only this user can reach: its mode is 0600 from the first instant, and missing
 * directories are made with 0700. The socket file of a daemon that died is replaced.
 *
 * Throws OsFailure with `path` and errno `EADDRINUSE` when a daemon already listens there; `EACCES` when others could
 * tamper with the directory; `EEXIST` when something is at `path` that must not be removed; `ENAMETOOLONG` or `EINVAL`
 * for the path itself; else what the system said. Whatever it throws, nothing is left but directories.
 *
 * The umask is the whole process's and is changed for one synchronous call: listen before children are spawned, and
 * from the main thread, since workers cannot set it.
 * Platform: on Windows this is plain `listen` on a named pipe without a lock; untested.
 */
export async function listenOnUnixSocket(
  path: string,
  onConnection: OnConnection,
  options: UnixSocketOptions = {},
): Promise<SocketListener> {
  checkSocketPath(path)
  const server = makeServer(onConnection)
  try {
    if ((options.platform ?? process.platform) !== "win32") return await listenAlone(server, path, options)
    await listen(server, { path }, options)
    return listenerOf(path, async () => stop(server))
  } catch (error) {
    throw toOsFailure(error, `cannot listen on ${path}`, path)
  }
}

/**
 * Listens on an inherited socket that is bound and listening (`LISTEN_FDS`). Its file, mode and life are the business
 * of whoever made it. Throws OsFailure, errno `EAFNOSUPPORT`, for a TCP socket: it would let in everybody who reaches
 * the port. After `close`, and after a throw for that reason, the descriptor is closed.
 */
export async function adoptListener(
  { fd }: { readonly fd: number },
  onConnection: OnConnection,
  options: ListenerOptions = {},
): Promise<SocketListener> {
  const server = makeServer(onConnection)
  try {
    await listen(server, { fd }, options)
  } catch (error) {
    throw toOsFailure(error, `cannot listen on the inherited descriptor ${fd}`)
  }
  // Node knows the address of a TCP server, and none of an adopted Unix one.
  if (server.address() !== null) {
    stop(server)
    const message = `the inherited descriptor ${fd} is no Unix socket; only file permissions keep other users out`
    throw rpcError("OsFailure", message, { errno: "EAFNOSUPPORT" })
  }
  return listenerOf(null, async () => stop(server))
}

function makeServer(onConnection: OnConnection): Server {
  return createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    const memory = new ReadMemory()
    const socket = withReads(accepted, readsInto(memory))
    onConnection(socket, socket === accepted ? undefined : memory)
  })
}

function listenerOf(path: string | null, end: () => Promise<void>): SocketListener {
  let ended: Promise<void> | undefined
  return { path, close: () => (ended ??= end()) }
}

function listen(server: Server, where: { path: string } | { fd: number }, options: ListenerOptions): Promise<void> {
  const { backlog = BACKLOG, onAcceptError } = options
  return listening(server, { ...where, backlog }, onAcceptError)
}

/** Closes the listening socket at once. Its callback waits for the last connection, which is not ours to await. */
function stop(server: Server): void {
  server.close()
}

async function listenAlone(server: Server, path: string, options: UnixSocketOptions): Promise<SocketListener> {
  const { euid = process.geteuid?.(), privateDirectory = false, contention = {} } = options
  const temporary = temporaryName(path, contention.random ?? Math.random)
  checkSocketPath(temporary)
  prepareDirectory(dirname(path), euid, privateDirectory)
  const lock = await acquireLock(path, () => refuseIfAnswered(path), contention)
  try {
    const own = await bindPrivately(server, temporary, options)
    await publish(temporary, path, euid)
    return listenerOf(path, async () => {
      try {
        // Order: while the socket is bound, its inode number cannot be given to a successor's file.
        if (isSameFile(lstatIfThere(path), own)) unlinkSync(path)
      } finally {
        stop(server)
        await lock.release()
      }
    })
  } catch (error) {
    stop(server)
    await lock.release()
    throw error
  }
}

/** Beside `path`, since hard links stay within a file system, and short, since it must fit a socket address too. */
function temporaryName(path: string, random: () => number): string {
  return join(dirname(path), `.${Math.floor(random() * 36 ** 6).toString(36)}`)
}

function prepareDirectory(directory: string, euid: number | undefined, isPrivate: boolean): void {
  // Why sync: in the thread pool this could meet the umask of another listener's bind, and lose the x of 0700.
  const isNew = mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined
  const stats = lstatSync(directory)
  const complaint = isPrivate || isNew ? complaintIfNotPrivate(stats, euid) : complaintIfOthersRule(stats, euid)
  if (complaint === undefined) return
  const message = `the directory ${directory} is not safe for a socket: ${complaint}`
  throw rpcError("OsFailure", message, { errno: "EACCES", path: directory })
}

const NOT_REAL = "it is a symbolic link; name the real directory"

function complaintIfNotPrivate(stats: Stats, euid: number | undefined): string | undefined {
  if (!stats.isDirectory()) return NOT_REAL
  if (stats.uid !== euid) return `it belongs to user ${stats.uid}; choose another path`
  if ((stats.mode & 0o077) !== 0) return `others have rights in it (mode ${octal(stats.mode)}); chmod 700 it`
  return undefined
}

/** Reading is harmless, the socket has its own mode; removing our file to put another in its place is not. */
function complaintIfOthersRule(stats: Stats, euid: number | undefined): string | undefined {
  if (!stats.isDirectory()) return NOT_REAL
  if (stats.uid !== euid && stats.uid !== 0) return `it belongs to user ${stats.uid}; choose another path`
  const isSticky = (stats.mode & 0o1000) !== 0
  if ((stats.mode & 0o022) !== 0 && !isSticky) {
    return `others can replace files in it (mode ${octal(stats.mode)}); chmod go-w it or choose another path`
  }
  return undefined
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8)
}

/** Binds `name` with mode 0600 from the first instant. */
async function bindPrivately(server: Server, name: string, options: ListenerOptions): Promise<BigIntStats> {
  await withMode(0o600, () => listen(server, { path: name }, options))
  const stats = lstatSync(name, { bigint: true })
  if ((stats.mode & 0o777n) === 0o600n) return stats
  const message = `the file system gave the socket mode ${octal(Number(stats.mode))}, not 600; choose another directory`
  throw rpcError("OsFailure", message, { errno: "EACCES", path: name })
}

/** Moves the bound socket from `temporary` to `path`, and puts aside only what a dead daemon of ours has left there. */
async function publish(temporary: string, path: string, euid: number | undefined): Promise<void> {
  try {
    linkSync(temporary, path)
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error
    await removeStale(path, euid)
    linkSync(temporary, path)
  }
  unlinkSync(temporary)
}

async function removeStale(path: string, euid: number | undefined): Promise<void> {
  const stats = lstatIfThere(path)
  if (stats === undefined) return
  if (!stats.isSocket()) throw occupied(path, "is no socket")
  if (stats.uid !== BigInt(euid ?? -1)) throw occupied(path, `is a socket of user ${stats.uid}`)
  await refuseIfAnswered(path)
  // Only what was probed goes; if it was replaced meanwhile, the link fails and says so.
  if (isSameFile(lstatIfThere(path), stats)) unlinkSync(path)
}

function occupied(path: string, what: string): RpcError {
  const message = `${path} ${what} and was left untouched; remove it or choose another path`
  return rpcError("OsFailure", message, { errno: "EEXIST", path })
}

async function refuseIfAnswered(path: string): Promise<void> {
  if (!(await isAnswered(path))) return
  const message = `a daemon already listens on ${path}; use it, stop it, or choose another path`
  throw rpcError("OsFailure", message, { errno: "EADDRINUSE", path })
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
}

/** What the system said, as an error of the table; anything else is a bug of ours and stays as it is. */
function toOsFailure(error: unknown, doing: string, path?: string): unknown {
  if (error instanceof RpcError || !(error instanceof Error) || !("syscall" in error)) return error
  const { syscall, message } = error
  return rpcError("OsFailure", `${doing}: ${message}`, { errno: errnoOf(error), syscall, path })
}
