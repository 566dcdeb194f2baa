/**
 * asyncio's event loop methods that make transports. Each takes a factory, called once for each connection, before
 * `connectionMade`; each resolves after the protocol has heard `connectionMade`.
 */
import type { FileHandle } from "node:fs/promises"
import { rpcError } from "../protocol/errors.ts"
import type { RequestParams, RequestResult } from "../protocol/registry.ts"
import { DatagramTransport } from "./datagram.ts"
import type { Endpoints, Made } from "./endpoints.ts"
import type { Transferable } from "./handOver.ts"
import type { Link } from "./link.ts"
import { READING } from "./readSide.ts"
import { sendfile, splice, type Directions, type SendfileOptions } from "./moving.ts"
import type { ReadPipe, WritePipe } from "./pipes.ts"
import { SubprocessTransport } from "./process.ts"
import type { DatagramProtocol, StreamProtocol, SubprocessProtocol } from "./protocols.ts"
import { Server } from "./server.ts"
import { absoluteFiles, absolutePath, surroundings } from "./surroundings.ts"
import { Transport, type ReadTransport, type WriteTransport } from "./transport.ts"
import type { Written } from "./writeSide.ts"

/** What the loop needs of the connection to the daemon. */
export interface Requests extends Link {
  request<Name extends keyof OpenRequests>(
    name: Name,
    params: OpenRequests[Name]["params"],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<OpenRequests[Name]["result"]>
  handOver(socket: Transferable): Promise<string>
}

type OpenName =
  | "loop/createConnection"
  | "loop/createServer"
  | "loop/createUnixConnection"
  | "loop/connectAcceptedSocket"
  | "loop/startTls"
  | "loop/sendfile"
  | "loop/createUnixServer"
  | "loop/createDatagramEndpoint"
  | "loop/connectReadPipe"
  | "loop/connectWritePipe"
  | "loop/getaddrinfo"
  | "loop/getnameinfo"
  | "loop/subprocessExec"
  | "loop/subprocessShell"
  | "server/startServing"
  | "server/getInfo"
  | "server/close"
  | "transport/attach"
  | "transport/isReading"
  | "transport/splice"

type Opened = RequestResult<"loop/createConnection">

type OpenRequests = { [Name in OpenName]: { params: RequestParams<Name>; result: RequestResult<Name> } }

interface Cancellable {
  /** Cancels the attempt: it leaves nothing, and the call rejects with RequestCancelled. */
  readonly signal?: AbortSignal
}

type Options = Pick<
  NonNullable<RequestParams<"loop/createConnection">["options"]>,
  "name" | "paused" | "lifetime" | "graceMs" | "retainBytes" | "whenFull"
>
type WithOptions<Name extends OpenName, Without extends string = never> = Omit<
  RequestParams<Name>,
  "options" | Without
> & { readonly options?: Options }

export type ConnectionOptions = WithOptions<"loop/createConnection"> & Cancellable
export type AcceptedSocketOptions = WithOptions<"loop/connectAcceptedSocket"> & Cancellable
export type ServerOptions = WithOptions<"loop/createServer">
export type UnixConnectionOptions = WithOptions<"loop/createUnixConnection"> & Cancellable
export type UnixServerOptions = WithOptions<"loop/createUnixServer">
export type DatagramOptions = Omit<RequestParams<"loop/createDatagramEndpoint">, "options"> & {
  readonly options?: Pick<Options, "name" | "paused">
} & Cancellable
export type PipeOptions = WithOptions<"loop/connectReadPipe"> & Cancellable
export type StartTlsOptions = Omit<RequestParams<"loop/startTls">, "transport">
export type SubprocessOptions = WithOptions<"loop/subprocessExec", "program" | "args"> & Cancellable

export type AttachOptions = Omit<RequestParams<"transport/attach">, "transport" | "encoding" | "readWindowBytes">
type Attached = RequestResult<"transport/attach">

/** Gets a callback's error that nobody could catch, and where it was thrown. */
export type ExceptionHandler = (error: unknown, where: string) => void

export class Loop {
  readonly #requests: Requests
  readonly #endpoints: Endpoints

  /** @internal Comes with a client: `client.loop`. */
  constructor(requests: Requests, endpoints: Endpoints) {
    this.#requests = requests
    this.#endpoints = endpoints
  }

  /**
   * Gives a socket of this process to the daemon, which this process must have launched: resolves with the name that is
   * its `fd` in the methods below. From then on it is closed here, and what comes is the daemon's to read.
   * A connection must not have been read from (`pauseOnConnect`).
   * Rejects with NotSupported, InvalidParams (the socket stays as it is), LimitExceeded or ShuttingDown.
   */
  handOver(socket: Transferable): Promise<string> {
    return this.#requests.handOver(socket)
  }

  /**
   * Connects to a TCP server, or takes over a connected socket by its `fd`: a name that {@link handOver} gave, or the
   * number of one that the daemon inherited.
   * Rejects with OsFailure (`error.errno`: ECONNREFUSED, …), ResolveFailed, TimedOut or RequestCancelled; the factory is
   * not called then. Source: asyncio `loop.create_connection`.
   */
  createConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    { signal, options, tls, ...params }: ConnectionOptions,
  ): Promise<[Transport, P]> {
    return this.#connect(protocolFactory, options, () =>
      this.#requests.request(
        "loop/createConnection",
        { ...params, ...security(tls), options: { ...options, ...READING, onEof: "keep" } },
        { signal },
      ),
    )
  }

  /**
   * Takes over a connection that was accepted elsewhere, by its `fd` as {@link createConnection} does; with `tls` it is
   * the server side. Source: asyncio `loop.connect_accepted_socket`.
   */
  connectAcceptedSocket<P extends StreamProtocol>(
    protocolFactory: () => P,
    { signal, options, tls, ...params }: AcceptedSocketOptions,
  ): Promise<[Transport, P]> {
    return this.#connect(protocolFactory, options, () =>
      this.#requests.request(
        "loop/connectAcceptedSocket",
        { ...params, ...security(tls), options: { ...options, ...READING, onEof: "keep" } },
        { signal },
      ),
    )
  }

  /**
   * Listens on TCP, or on a bound socket by its `fd`; each connection gets a protocol of the factory.
   * Rejects with OsFailure (`error.errno`: EADDRINUSE, …) or ResolveFailed. Source: asyncio `loop.create_server`.
   */
  async createServer(
    protocolFactory: () => StreamProtocol,
    { options, tls, ...params }: ServerOptions,
  ): Promise<Server> {
    const opened = await this.#requests.request("loop/createServer", {
      ...params,
      ...security(tls),
      options: { ...options, ...READING, onEof: "keep" },
    })
    return this.#serve(protocolFactory, options, opened)
  }

  /**
   * Connects to a Unix socket; a relative path is one of this process. A leading NUL means an abstract name of Linux.
   * Rejects with OsFailure (`error.errno`: ENOENT, ECONNREFUSED, …), TimedOut, RequestCancelled or NotSupported.
   * Source: asyncio `loop.create_unix_connection`.
   */
  createUnixConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    { signal, options, path, tls, ...params }: UnixConnectionOptions,
  ): Promise<[Transport, P]> {
    return this.#connect(protocolFactory, options, () =>
      this.#requests.request(
        "loop/createUnixConnection",
        { ...params, ...security(tls), ...place(path), options: { ...options, ...READING, onEof: "keep" } },
        { signal },
      ),
    )
  }

  /**
   * Listens on a Unix socket; each connection gets a protocol of the factory. A relative path is one of this process,
   * and without a `mode` the file has what this process's umask leaves.
   * Rejects with OsFailure (`error.errno`: EADDRINUSE, …) or NotSupported. Source: asyncio `loop.create_unix_server`.
   */
  async createUnixServer(
    protocolFactory: () => StreamProtocol,
    { options, path, mode = 0o777 & ~surroundings().umask, tls, ...params }: UnixServerOptions,
  ): Promise<Server> {
    const opened = await this.#requests.request("loop/createUnixServer", {
      ...params,
      ...security(tls),
      ...place(path),
      mode,
      options: { ...options, ...READING, onEof: "keep" },
    })
    return this.#serve(protocolFactory, options, opened)
  }

  /**
   * Opens a UDP socket: bound to `localAddr`, connected to `remoteAddr`, both, or of a `family` alone; or takes one over
   * by its `fd`.
   * Rejects with OsFailure (`error.errno`: EADDRINUSE, …), ResolveFailed, TimedOut, NotSupported or InvalidParams.
   * Source: asyncio `loop.create_datagram_endpoint`.
   */
  async createDatagramEndpoint<P extends DatagramProtocol>(
    protocolFactory: () => P,
    { signal, ...params }: DatagramOptions,
  ): Promise<[DatagramTransport, P]> {
    const opened = await this.#requests.request("loop/createDatagramEndpoint", params, { signal })
    const { transport: id } = opened
    const protocol = this.#make(protocolFactory, id)
    const forget = (): void => this.#endpoints.forget(id)
    // One that was taken over may be connected.
    const hasRemote = params.remoteAddr !== undefined || (opened.extra.peername ?? null) !== null
    const transport = new DatagramTransport(this.#requests, protocol, opened, hasRemote, forget)
    this.#endpoints.addDatagram(transport)
    await this.#endpoints.made(id)
    return [transport, protocol]
  }

  /**
   * Reads from a named pipe or a terminal, by path (a relative one is of this process), or from a descriptor `fd` that
   * the daemon inherited. Its end is `eofReceived`, then `connectionLost(null)`, whatever the answer.
   * Rejects with OsFailure (`error.errno`: ENOENT, …) or InvalidParams. Source: asyncio `loop.connect_read_pipe`.
   */
  connectReadPipe<P extends StreamProtocol>(
    protocolFactory: () => P,
    { signal, options, path, ...params }: PipeOptions,
  ): Promise<[ReadTransport, P]> {
    return this.#connect(protocolFactory, options, () =>
      this.#requests.request(
        "loop/connectReadPipe",
        { ...params, ...place(path), options: { ...options, ...READING } },
        { signal },
      ),
    )
  }

  /**
   * Writes to what {@link connectReadPipe} could read. A named pipe opens once somebody reads it. `writeEof()` is its
   * close. A reader that goes away is `connectionLost`: null, or EPIPE if something was still to be written.
   * Rejects with TimedOut and RequestCancelled too. Source: asyncio `loop.connect_write_pipe`.
   */
  connectWritePipe<P extends StreamProtocol>(
    protocolFactory: () => P,
    { signal, options, path, ...params }: PipeOptions & { readonly timeoutMs?: number },
  ): Promise<[WriteTransport, P]> {
    return this.#connect(protocolFactory, options, () =>
      this.#requests.request(
        "loop/connectWritePipe",
        { ...params, ...place(path), options: { ...options, ...READING } },
        { signal },
      ),
    )
  }

  /**
   * The addresses of a host and a service, as the daemon's machine knows them.
   * Rejects with ResolveFailed, TimedOut or RequestCancelled. Source: asyncio `loop.getaddrinfo`.
   */
  getaddrinfo(
    host: string | null,
    port: number | string | null,
    { signal, ...hints }: Omit<RequestParams<"loop/getaddrinfo">, "host" | "port"> & Cancellable = {},
  ): Promise<RequestResult<"loop/getaddrinfo">> {
    return this.#requests.request("loop/getaddrinfo", { host, port, ...hints }, { signal })
  }

  /** The names of an address and its port. Rejects as {@link getaddrinfo}. Source: asyncio `loop.getnameinfo`. */
  getnameinfo(
    address: { readonly host: string; readonly port: number },
    { signal, ...flags }: Pick<RequestParams<"loop/getnameinfo">, "flags"> & Cancellable = {},
  ): Promise<RequestResult<"loop/getnameinfo">> {
    return this.#requests.request("loop/getnameinfo", { address, ...flags }, { signal })
  }

  /**
   * Changes an open connection to TLS; `protocol` hears what comes from now on. What was written before goes out plain
   * and first, what is written from now on goes out encrypted, without awaiting. Resolves with the same transport,
   * which is being read then. Where the remote may speak first, pause reading before it is invited to.
   * Rejects with TlsHandshakeFailed, CertificateRejected, TimedOut, …; the transport is lost then.
   * Source: asyncio `loop.start_tls`.
   */
  async startTls(
    transport: Transport,
    protocol: StreamProtocol,
    { tls, ...params }: StartTlsOptions,
  ): Promise<Transport> {
    await transport.startTls(protocol, () =>
      this.#requests.request("loop/startTls", { ...params, tls: absoluteFiles(tls), transport: transport.id }),
    )
    return transport
  }

  /**
   * Sends a file, or a part of it, behind what was written before; resolves to the number of bytes when all of them are
   * with the system. The daemon reads it, so a path is one of its machine (a relative one is of this process); a
   * `FileHandle` is read here and written, unless `fallback` is false, and its position stays. Meanwhile writing is
   * TransportBusy and reading is paused.
   * Rejects with TransportClosed when it is closing, TransportBroken when the remote leaves, NotSupported for datagrams,
   * OsFailure (`error.errno`: ENOENT, …), InvalidParams for what is no regular file, or RequestCancelled.
   * Source: asyncio `loop.sendfile`.
   */
  sendfile(
    transport: Transport | WritePipe | WriteTransport,
    file: string | FileHandle,
    options: SendfileOptions = {},
  ): Promise<number> {
    return sendfile(this.#requests, transport as Transport, file, options)
  }

  /**
   * Joins two transports inside the daemon: what comes from `from`, and its protocol was not given yet, is written to
   * `to`, behind what was written there; with `both` the other direction too. Nothing of it comes here. An end of file
   * is passed on as one (to TLS as a close), a loss as a close, a broken connection as an abort, and a connection that
   * has ended both ways is closed; protocols hear `eofReceived` (the answer means nothing then) and `connectionLost`.
   * Writing meanwhile is TransportBusy. With lifetime "daemon" it goes on without this client.
   * Resolves when it has ended, with what went through in each direction. Rejects with TransportBusy, TransportClosed,
   * NotSupported, or with ConnectionEnded when the daemon was lost. Not in asyncio.
   */
  splice(
    from: Transport | ReadPipe,
    to: Transport | WritePipe,
    { both = false }: { readonly both?: boolean } = {},
  ): Promise<Directions> {
    return splice(this.#requests, this.#endpoints, { from, to }, both)
  }

  /**
   * Starts a program with arguments, without a shell. Directory, environment and umask are this process's unless given.
   * Rejects with SpawnFailed (`error.errno`: ENOENT, EACCES, …). Source: asyncio `loop.subprocess_exec`.
   */
  subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    [program, ...args]: readonly [string, ...string[]],
    { signal, ...options }: SubprocessOptions = {},
  ): Promise<[SubprocessTransport, P]> {
    return this.#start(protocolFactory, options.options, () =>
      this.#requests.request(
        "loop/subprocessExec",
        { program, args, ...surroundings(), ...options, options: { ...options.options, ...READING } },
        { signal },
      ),
    )
  }

  /** Starts a command line with `/bin/sh -c`; everything else as {@link subprocessExec}. */
  subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    command: string,
    { signal, ...options }: SubprocessOptions = {},
  ): Promise<[SubprocessTransport, P]> {
    return this.#start(protocolFactory, options.options, () =>
      this.#requests.request(
        "loop/subprocessShell",
        { command, ...surroundings(), ...options, options: { ...options.options, ...READING } },
        { signal },
      ),
    )
  }

  /**
   * Attaches to a transport that outlived its client, or watches somebody else's: what comes goes to a protocol of the
   * factory, which hears `connectionMade` first. A transport that ended not long ago gives what is kept, and its end.
   * @param ref id or name.
   * @param since an offset, `"start"` or `"now"`; absent: where the last owner had consumed to. What is gone from there is
   * a `bytesLost` first.
   * Rejects with UnknownTransport, TransportClosed, TransportBroken, or NotOwner unless it `steal`s or observes.
   */
  async attach<P extends StreamProtocol>(
    protocolFactory: () => P,
    ref: number | string,
    options: AttachOptions = {},
  ): Promise<[Transport, P]> {
    const attached = await this.#attach(ref, options, "stream")
    const [transport, protocol] = this.#open(protocolFactory, attached, attached)
    transport.made()
    return [transport, protocol]
  }

  /** The same for a process. */
  async attachSubprocess<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    ref: number | string,
    options: AttachOptions = {},
  ): Promise<[SubprocessTransport, P]> {
    const attached = await this.#attach(ref, options, "process")
    const { pid = 0, pipes = {} } = attached
    const [transport, protocol] = this.#openProcess(protocolFactory, { ...attached, pid, pipes }, attached.channels)
    transport.made()
    return [transport, protocol]
  }

  async #attach(ref: number | string, options: AttachOptions, wanted: "stream" | "process"): Promise<Attached> {
    const attached = await this.#requests.request("transport/attach", { transport: ref, ...options, ...READING })
    const { transport, kind, pid } = attached
    const found = pid !== undefined ? "process" : kind === "udp" ? "endpoint" : "stream"
    if (found !== wanted) {
      this.#requests.notify("transport/detach", { transport })
      const method = { process: "attachSubprocess", endpoint: "no method", stream: "attach" }[found]
      const message = `transport ${ref} is a ${kind}; ${method} is for it`
      throw rpcError("NotSupported", message, { kind, operation: "attach" })
    }
    this.#endpoints.keep(transport, options.role)
    return attached
  }

  async #connect<P extends StreamProtocol>(
    protocolFactory: () => P,
    options: Options | undefined,
    connect: () => Promise<Opened>,
  ): Promise<[Transport, P]> {
    const opened = await connect()
    if (options?.lifetime === "daemon") this.#endpoints.keep(opened.transport)
    // Order: the answer comes before `connectionMade`, and nothing is awaited between here and there.
    const [transport, protocol] = this.#open(protocolFactory, opened)
    await this.#endpoints.made(opened.transport)
    return [transport, protocol]
  }

  #serve(
    protocolFactory: () => StreamProtocol,
    options: Options | undefined,
    opened: RequestResult<"loop/createServer">,
  ): Server {
    if (options?.lifetime === "daemon") this.#endpoints.keep(opened.server)
    const server = new Server(this.#requests, opened, () => this.#endpoints.forget(opened.server))
    this.#endpoints.addServer(server, (made) => this.#accept(protocolFactory, made))
    return server
  }

  async #start<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    options: Options | undefined,
    start: () => Promise<RequestResult<"loop/subprocessExec">>,
  ): Promise<[SubprocessTransport, P]> {
    const opened = await start()
    if (options?.lifetime === "daemon") this.#endpoints.keep(opened.transport)
    const [transport, protocol] = this.#openProcess(protocolFactory, opened)
    await this.#endpoints.made(opened.transport)
    return [transport, protocol]
  }

  #openProcess<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    opened: RequestResult<"loop/subprocessExec">,
    channels?: Attached["channels"],
  ): [SubprocessTransport, P] {
    const { transport: id } = opened
    const protocol = this.#make(protocolFactory, id)
    const forget = (): void => this.#endpoints.forget(id)
    const transport = new SubprocessTransport(this.#requests, protocol, opened, forget, channels)
    this.#endpoints.addProcess(transport)
    return [transport, protocol]
  }

  #accept(protocolFactory: () => StreamProtocol, made: Made): void {
    try {
      const [transport] = this.#open(protocolFactory, made)
      transport.made()
    } catch (error) {
      this.#requests.report(error, "a protocol factory")
    }
  }

  #open<P extends StreamProtocol>(
    protocolFactory: () => P,
    made: Pick<Made, "transport" | "kind" | "extra" | "writeWindowBytes">,
    position?: { readonly offset: number } & Written,
  ): [Transport, P] {
    const { transport: id } = made
    const protocol = this.#make(protocolFactory, id)
    const transport = new Transport(this.#requests, protocol, made, () => this.#endpoints.forget(id), position)
    this.#endpoints.addTransport(transport)
    return [transport, protocol]
  }

  /** A factory that throws costs its connection, and nobody else anything. */
  #make<P>(protocolFactory: () => P, transport: number): P {
    try {
      return protocolFactory()
    } catch (error) {
      this.#requests.notify("transport/abort", { transport })
      throw error instanceof Error ? error : rpcError("TransportClosed", String(error), { transport })
    }
  }
}

/** The `path` of a request, if it has one. */
function place(path: string | undefined): { readonly path?: string } {
  return path === undefined ? {} : { path: absolutePath(path) }
}

/** The `tls` of a request, if it has one: never left out by mistake, which would mean plain text. */
function security(tls: StartTlsOptions["tls"] | undefined): { readonly tls?: StartTlsOptions["tls"] } {
  return tls === undefined ? {} : { tls: absoluteFiles(tls) }
}
