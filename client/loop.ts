/**
 * asyncio's event loop methods that make transports. Each takes a factory, called once for each connection, before
 * `connectionMade`; each resolves after the protocol has heard `connectionMade`.
 */
import { rpcError } from "../protocol/errors.ts"
import type { RequestParams, RequestResult } from "../protocol/registry.ts"
import type { Endpoints, Made } from "./endpoints.ts"
import type { Link } from "./link.ts"
import { SubprocessTransport } from "./process.ts"
import type { StreamProtocol, SubprocessProtocol } from "./protocols.ts"
import { Server } from "./server.ts"
import { surroundings } from "./surroundings.ts"
import { Transport } from "./transport.ts"

/** What the loop needs of the connection to the daemon. */
export interface Requests extends Link {
  request<Name extends keyof OpenRequests>(
    name: Name,
    params: OpenRequests[Name]["params"],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<OpenRequests[Name]["result"]>
}

type OpenName =
  | "loop/createConnection"
  | "loop/createServer"
  | "loop/subprocessExec"
  | "loop/subprocessShell"
  | "server/startServing"
  | "server/getInfo"

type OpenRequests = { [Name in OpenName]: { params: RequestParams<Name>; result: RequestResult<Name> } }

interface Cancellable {
  /** Cancels the attempt: it leaves nothing, and the call rejects with RequestCancelled. */
  readonly signal?: AbortSignal
}

type Options = Pick<NonNullable<RequestParams<"loop/createConnection">["options"]>, "name" | "paused">
type WithOptions<Name extends OpenName, Without extends string = never> = Omit<
  RequestParams<Name>,
  "options" | Without
> & { readonly options?: Options }

export type ConnectionOptions = WithOptions<"loop/createConnection"> & Cancellable
export type ServerOptions = WithOptions<"loop/createServer">
export type SubprocessOptions = WithOptions<"loop/subprocessExec", "program" | "args"> & Cancellable

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
   * Connects to a TCP server.
   * Rejects with OsFailure (`error.errno`: ECONNREFUSED, …), ResolveFailed, TimedOut or RequestCancelled; the factory is
   * not called then. Source: asyncio `loop.create_connection`.
   */
  async createConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    { signal, options, ...params }: ConnectionOptions,
  ): Promise<[Transport, P]> {
    const opened = await this.#requests.request(
      "loop/createConnection",
      { ...params, options: { ...options, onEof: "keep" } },
      { signal },
    )
    // Order: the answer comes before `connectionMade`, and nothing is awaited between here and there.
    const made = this.#endpoints.made(opened.transport)
    const [transport, protocol] = this.#open(protocolFactory, opened)
    await made
    return [transport, protocol]
  }

  /**
   * Listens on TCP; each connection gets a protocol of the factory.
   * Rejects with OsFailure (`error.errno`: EADDRINUSE, …) or ResolveFailed. Source: asyncio `loop.create_server`.
   */
  async createServer(protocolFactory: () => StreamProtocol, { options, ...params }: ServerOptions): Promise<Server> {
    const opened = await this.#requests.request("loop/createServer", {
      ...params,
      options: { ...options, onEof: "keep" },
    })
    const server = new Server(this.#requests, opened, () => this.#endpoints.forget(opened.server))
    this.#endpoints.addServer(server, (made) => this.#accept(protocolFactory, made))
    return server
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
    return this.#start(protocolFactory, () =>
      this.#requests.request("loop/subprocessExec", { program, args, ...surroundings(), ...options }, { signal }),
    )
  }

  /** Starts a command line with `/bin/sh -c`; everything else as {@link subprocessExec}. */
  subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    command: string,
    { signal, ...options }: SubprocessOptions = {},
  ): Promise<[SubprocessTransport, P]> {
    return this.#start(protocolFactory, () =>
      this.#requests.request("loop/subprocessShell", { command, ...surroundings(), ...options }, { signal }),
    )
  }

  async #start<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    start: () => Promise<RequestResult<"loop/subprocessExec">>,
  ): Promise<[SubprocessTransport, P]> {
    const opened = await start()
    const made = this.#endpoints.made(opened.transport)
    const protocol = this.#make(protocolFactory, opened.transport)
    const transport = new SubprocessTransport(this.#requests, protocol, opened, () =>
      this.#endpoints.forget(opened.transport),
    )
    this.#endpoints.addProcess(transport)
    await made
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
    made: Pick<Made, "transport" | "extra" | "writeWindowBytes">,
  ): [Transport, P] {
    const protocol = this.#make(protocolFactory, made.transport)
    const transport = new Transport(this.#requests, protocol, made, () => this.#endpoints.forget(made.transport))
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
