/** How a client comes to its daemon: joins one on a socket, launches one over stdio, or takes any pair of streams. */
import { spawn, type ChildProcessByStdio } from "node:child_process"
import { connect as connectSocket, type Socket } from "node:net"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { rpcError } from "../protocol/errors.ts"
import { Client, type ClientOptions } from "./client.ts"
import { DescriptorChannel } from "./handOver.ts"

export interface Streams {
  readonly input: Readable
  readonly output: Writable
  /** The way for sockets of this process, where there is one. */
  readonly channel?: DescriptorChannel
  /** Whether `input` uses the memory of a chunk again once its `data` event is over. */
  readonly reusedChunks?: boolean
}

/**
 * What one read can take: a window of data, and a little more than the kernel's buffer of a Unix socket holds.
 * Why one buffer for all reads: what a protocol gets is copied out of it, once. Node's own way allocates 64 KiB for each
 * read, of which nearly every body of that size needs two, and then a third to be put together in. As V8 counts Buffers
 * when it decides about full collections, two thirds of a client's time on bulk data were garbage collection.
 */
const READ_BYTES = 256 * 1024

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
    const socket = await join(options.socket, Buffer.allocUnsafeSlow(READ_BYTES))
    return { input: socket, output: socket, reusedChunks: true }
  }
  return await launch(options.launch === true ? {} : options.launch)
}

/**
 * A connection to the daemon on `path`; half-open, for the daemon may end first, and what it said before is still to be
 * read. It is paused.
 *
 * @param readBuffer where every read goes, so that a chunk is good during its `data` event alone; absent: a new buffer
 * for each.
 */
export function join(path: string, readBuffer?: Buffer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      socket.emit("data", buffer.subarray(0, bytes))
      return true
    }
    const onread = readBuffer && { buffer: readBuffer, callback }
    const socket = connectSocket({ path, allowHalfOpen: true, ...(onread && { onread }) })
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
      const streams = { input: child.stdout, output: child.stdin }
      resolve(channel ? { ...streams, channel: new DescriptorChannel(child) } : streams)
    })
  })
}
