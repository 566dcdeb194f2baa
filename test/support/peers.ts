/** The remotes of tests: small TCP servers that echo, record, do not read, reset or half-close. */
import { once } from "node:events"
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net"
import type { Harness } from "./setup.ts"

/** A TCP server of the test with the connections that it took. */
export interface Peer {
  readonly host: string
  readonly port: number
  readonly sockets: Socket[]
  /** The next connection that comes, or one that came and was not asked for yet. */
  accepted(): Promise<Socket>
}

type Cleanup = Pick<Harness, "cleanup">

/** Listens on the loopback interface; `serve` gets each connection, half-open and not yet read. */
export async function listenPeer({ cleanup }: Cleanup, serve: (socket: Socket) => void = () => {}): Promise<Peer> {
  const sockets: Socket[] = []
  const waiting: Array<(socket: Socket) => void> = []
  const unclaimed: Socket[] = []
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {})
    sockets.push(socket)
    serve(socket)
    const next = waiting.shift()
    if (next === undefined) unclaimed.push(socket)
    else next(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  cleanup(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
  })
  const { port } = server.address() as AddressInfo
  return {
    host: "127.0.0.1",
    port,
    sockets,
    accepted: () => {
      const first = unclaimed.shift()
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first)
    },
  }
}

/** Sends back what it gets, and ends when the other side ends. */
export function echo(socket: Socket): void {
  socket.pipe(socket)
}

/** Keeps what it gets. */
export class Recorder {
  readonly chunks: Buffer[] = []
  bytes = 0
  ended = false
  readonly over: Promise<void>
  readonly #watchers = new Set<() => void>()

  constructor(socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      this.chunks.push(chunk)
      this.bytes += chunk.length
      for (const watch of this.#watchers) watch()
    })
    socket.on("end", () => {
      this.ended = true
      for (const watch of this.#watchers) watch()
    })
    this.over = new Promise((resolve) => socket.once("close", () => resolve()).once("end", () => resolve()))
    socket.resume()
  }

  get data(): Buffer {
    return Buffer.concat(this.chunks)
  }

  /** Waits for `bytes` in all. */
  async until(bytes: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const watch = (): void => {
        if (this.bytes < bytes) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
      watch()
    })
  }
}

/** Sends `bytes` bytes as fast as they are taken, and counts them: the count stops when nobody reads. */
export class Spewer {
  sentBytes = 0
  readonly #socket: Socket
  readonly #chunk: Buffer
  #stopped = false

  constructor(socket: Socket, chunk: Buffer = Buffer.alloc(65_536, "x")) {
    this.#socket = socket
    this.#chunk = chunk
    socket.on("drain", () => this.#spew())
    this.#spew()
  }

  /** What the system has taken. */
  get takenBytes(): number {
    return this.sentBytes - this.#socket.writableLength
  }

  stop(): void {
    this.#stopped = true
  }

  #spew(): void {
    while (!this.#stopped && !this.#socket.destroyed && this.#socket.writable) {
      this.sentBytes += this.#chunk.length
      if (!this.#socket.write(this.#chunk)) return
    }
  }
}

/** A port on which nothing listens: one that was just given and given back. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

/** Connects to a server of the daemon, as anybody could. */
export async function visit({ cleanup }: Cleanup, port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true })
  socket.on("error", () => {})
  cleanup(() => socket.destroy())
  await once(socket, "connect")
  return socket
}
