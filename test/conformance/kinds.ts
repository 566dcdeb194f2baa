/**
 * Transports of each kind for the tests of this folder: opened by the client library through a daemon, with the other
 * end in the test's hands. Knows nothing of statements.
 */
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import type {
  ReadTransport,
  StreamProtocol,
  SubprocessProtocol,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "transportd/client"
import { setupLibrary, type Library, type LibraryHarness } from "../client/library.ts"
import { listenPeer } from "../support/peers.ts"
import { folder, namedPipe, reader, writer } from "../support/pipes.ts"
import { listenTls, pem } from "../support/tls.ts"

/** The two-way kinds. */
export const STREAMS = ["tcp", "unix", "tls"] as const
export type StreamKind = (typeof STREAMS)[number]

/** Those of them that can end one way. */
export const HALF_CLOSING = ["tcp", "unix"] as const

/** What can be read, and what can be written. */
export const READABLE = [...STREAMS, "pipe"] as const
export const WRITABLE = [...STREAMS, "pipe"] as const

export interface Connected<P> extends Library {
  readonly transport: Transport
  readonly protocol: P
  /** The other end: half-open where it can be, and not read until somebody asks. */
  readonly remote: Socket
}

export interface Reading<P> extends Library {
  readonly transport: ReadTransport
  readonly protocol: P
  readonly remote: Socket
}

export interface Writing<P> extends Library {
  readonly transport: WriteTransport
  readonly protocol: P
  readonly remote: Socket
}

export interface Kinds extends LibraryHarness {
  connected<P extends StreamProtocol>(kind: StreamKind, protocol: P): Promise<Connected<P>>
  reading<P extends StreamProtocol>(kind: StreamKind | "pipe", protocol: P): Promise<Reading<P>>
  writing<P extends StreamProtocol>(kind: StreamKind | "pipe", protocol: P): Promise<Writing<P>>
  running<P extends SubprocessProtocol>(
    command: { readonly program: string; readonly args: readonly string[] },
    protocol: P,
  ): Promise<Library & { readonly transport: SubprocessTransport; readonly protocol: P }>
}

/** To be called at the top of a file, as `setup()` is. */
export function setupKinds(): Kinds {
  const harness = setupLibrary()
  const connected: Kinds["connected"] = async (kind, protocol) => {
    const library = await harness.startLibrary()
    return { ...library, protocol, ...(await dial(harness, library, kind, protocol)) }
  }
  return {
    ...harness,
    connected,
    async reading(kind, protocol) {
      if (kind !== "pipe") return await connected(kind, protocol)
      const library = await harness.startLibrary()
      const path = await namedPipe(harness)
      const [transport] = await library.client.loop.connectReadPipe(() => protocol, { path })
      return { ...library, transport, protocol, remote: writer(harness, path) }
    },
    async writing(kind, protocol) {
      if (kind !== "pipe") return await connected(kind, protocol)
      const library = await harness.startLibrary()
      const path = await namedPipe(harness)
      const remote = reader(harness, path)
      const [transport] = await library.client.loop.connectWritePipe(() => protocol, { path })
      return { ...library, transport, protocol, remote }
    },
    async running({ program, args }, protocol) {
      const library = await harness.startLibrary()
      const [transport] = await library.client.loop.subprocessExec(() => protocol, [program, ...args])
      return { ...library, transport, protocol }
    },
  }
}

/** A connection of `kind`, and its other end. */
async function dial(
  harness: LibraryHarness,
  { client: { loop } }: Library,
  kind: StreamKind,
  protocol: StreamProtocol,
): Promise<{ transport: Transport; remote: Socket }> {
  if (kind === "tcp") {
    const peer = await listenPeer(harness)
    const [transport] = await loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    return { transport, remote: await peer.accepted() }
  }
  if (kind === "unix") {
    const { path, accepted } = await listenUnix(harness)
    const [transport] = await loop.createUnixConnection(() => protocol, { path })
    return { transport, remote: await accepted }
  }
  // Not half-open: a session ends both ways, and asyncio waits for the answer to its end.
  const peer = await listenTls(harness, { allowHalfOpen: false })
  const [transport] = await loop.createConnection(() => protocol, {
    host: "127.0.0.1",
    port: peer.port,
    serverHostname: "localhost",
    tls: { ca: pem("ca.pem") },
  })
  return { transport, remote: await peer.accepted() }
}

/** A server of the test on a Unix socket. */
export async function listenUnix(harness: LibraryHarness): Promise<{ path: string; accepted: Promise<Socket> }> {
  const path = join(await folder(harness), "socket")
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(path)
  await once(server, "listening")
  const sockets: Socket[] = []
  harness.cleanup(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
  })
  const accepted = new Promise<Socket>((resolve) => {
    server.on("connection", (socket) => {
      sockets.push(socket.on("error", () => {}))
      resolve(socket)
    })
  })
  return { path, accepted }
}
