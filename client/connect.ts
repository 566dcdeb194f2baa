/** How a client comes to its daemon: joins one on a socket, launches one over stdio, or takes any pair of streams. */
import { spawn, type ChildProcessByStdio } from "node:child_process"
import { connect as connectSocket, type Socket } from "node:net"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { rpcError } from "../protocol/errors.ts"
import { ReadMemory } from "../protocol/framing/memory.ts"
import type { PeerStreams } from "../protocol/peer.ts"
import { DirectWriter } from "../sockets/direct.ts"
import { readsInto } from "../sockets/reading.ts"
import { makeBallast } from "./ballast.ts"
import { Client, type ClientOptions } from "./client.ts"
import { DescriptorChannel } from "./handOver.ts"

export interface Streams extends PeerStreams {
  /** The way for sockets of this process, where there is one. */
  readonly channel?: DescriptorChannel
}

export interface LaunchOptions {
  /** The program and its arguments; by default this package's own `transportd stdio`. */
  readonly command?: readonly [string, ...string[]]
  readonly env?: NodeJS.ProcessEnv
  /**
   * Whether sockets can be handed over, with `loop.handOver`: the program is given a descriptor more and its number in
   * `NODE_CHANNEL_FD`, which only a program that passes both on to Node can bear. By default with this package's own.
   */
  readonly channel?: boolean
}

export type ConnectOptions = ClientOptions &
  (
    | { /** The path of a daemon's socket. */ readonly socket: string }
    | { /** A daemon of our own, which ends with us. */ readonly launch: true | LaunchOptions }
    | { /** Anything that leads to a daemon. */ readonly streams: Streams }
  )

/**
 * A client that is ready for use.
 * Rejects with OsFailure when nobody listens on the socket, SpawnFailed when the daemon does not start,
 * VersionUnsupported when it speaks another language.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  return await Client.start(() => open(options), options)
}

async function open(options: ConnectOptions): Promise<Streams> {
  if ("streams" in options) return options.streams
  if ("socket" in options) {
    const memory = new ReadMemory(makeBallast)
    const socket = await join(options.socket, memory)
    return { input: socket, output: socket, memory, direct: new DirectWriter(socket) }
  }
  return await launch(options.launch === true ? {} : options.launch)
}

/**
 * A connection to the daemon on `path`; half-open, for the daemon may end first, and what it said before is still to be
 * read. It is paused.
 *
 * @param memory where reads go, and what comes with each `data` event is then all of it that was not read; absent: a new
 * Buffer for each.
 */
export function join(path: string, memory?: ReadMemory): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onread = memory === undefined ? {} : { onread: readsInto(memory) }
    const socket = connectSocket({ path, allowHalfOpen: true, ...onread })
    // Until somebody listens: what is read before that would be lost.
    socket.pause()
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const { code: errno = "EIO", syscall = "connect" } = error
      reject(rpcError("OsFailure", `no daemon answers on ${path}: ${errno}`, { errno, syscall, path }))
    })
    socket.once("connect", () => resolve(socket))
  })
}

function launch({ command, env, channel = command === undefined }: LaunchOptions): Promise<Streams> {
  const [program, ...args] = command ?? [
    process.execPath,
    fileURLToPath(new URL("../cli/main.js", import.meta.url)),
    "stdio",
    // Said aloud, because $TRANSPORTD_FRAMING may say otherwise.
    "--framing=header",
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "inherit", ...(channel ? (["ipc"] as const) : [])],
      ...(env !== undefined && { env }),
    }) as ChildProcessByStdio<Writable, Readable, null>
    child.once("error", (error: NodeJS.ErrnoException) => {
      const { code: errno = "EIO" } = error
      reject(rpcError("SpawnFailed", `cannot start ${program}: ${errno}`, { file: program, errno }))
    })
    child.once("spawn", () => {
      const streams = { input: child.stdout, output: child.stdin, direct: new DirectWriter(child.stdin) }
      resolve(channel ? { ...streams, channel: new DescriptorChannel(child) } : streams)
    })
  })
}
