/**
 * What the scenarios of this folder share, in the words of `programs/_twin.py`: the trace, protocols that write it with
 * asyncio's names, and remotes. Data is counted, not listed: how it is cut is nobody's promise.
 */
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import {
  RpcError,
  type BaseProtocol,
  type BufferedProtocol,
  type Client,
  type DatagramProtocol,
  type DatagramTransport,
  type Loop,
  type Protocol,
  type SenderAddress,
  type SubprocessProtocol,
  type SubprocessTransport,
  type Transport,
} from "transportd/client"
import { barrier, type LibraryHarness } from "../client/library.ts"

/** A function that makes the trace of the program of the same name. */
export type Scenario = (twin: Twin) => Promise<void>

/** asyncio's names for what the library's errors say by another. */
const KINDS: Readonly<Record<string, string>> = {
  InvalidParams: "ValueError",
  NotSupported: "NotImplementedError",
  TransportClosed: "RuntimeError",
  NoSuchProcess: "ProcessLookupError",
  ResolveFailed: "unresolved",
  CertificateRejected: "SSLCertVerificationError",
  // An empty buffer.
  RangeError: "RuntimeError",
}

export class Oops extends Error {
  override readonly name = "Oops"
}

export function oops(): never {
  throw new Oops()
}

/** What an error is called on both sides. */
export function kind(error: unknown): string {
  if (error === null || error === undefined) return "None"
  if (error instanceof RpcError && error.errno !== undefined) return error.errno
  const { name } = error as Error
  return KINDS[name] ?? name
}

/** What a method throws, or `fine`. */
export function outcome(call: () => unknown): string {
  try {
    call()
    return "fine"
  } catch (error) {
    return kind(error)
  }
}

export function awaited(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(() => "fine", kind)
}

/** One scenario that runs: its trace, and what makes things happen. */
export class Twin {
  readonly trace: string[] = []
  readonly client: Client
  readonly harness: LibraryHarness
  readonly #watchers = new Set<() => void>()

  constructor(client: Client, harness: LibraryHarness) {
    this.client = client
    this.harness = harness
    client.setExceptionHandler((error) => this.note("reported", kind(error)))
  }

  get loop(): Loop {
    return this.client.loop
  }

  note(...words: readonly unknown[]): void {
    this.trace.push(words.map(said).join(" "))
    this.look()
  }

  /** Notes a number of bytes; what follows the same name directly is added to it. */
  count(name: string, bytes: number): void {
    const last = this.trace.at(-1)
    const at = last?.lastIndexOf(" ") ?? -1
    if (last?.slice(0, at) !== name) return this.note(name, bytes)
    this.trace.pop()
    this.note(name, Number(last.slice(at + 1)) + bytes)
  }

  /** Puts the events of each protocol together: between two ends of a connection there is no order to compare. */
  sort(): void {
    const owner = (event: string): string => event.split(".")[0] ?? ""
    this.trace.sort((one, other) => (owner(one) < owner(other) ? -1 : owner(one) > owner(other) ? 1 : 0))
  }

  look(): void {
    for (const watch of this.#watchers) watch()
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!condition()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
      watch()
    })
  }

  heard(text: string): Promise<void> {
    return this.until(() => this.trace.some((event) => event.startsWith(text)))
  }

  /** Lets everything happen that can happen now. */
  async settle(): Promise<void> {
    for (let count = 0; count < 10; count++) await barrier(this.client)
  }

  /** A server of the test: where it listens, and the next connection that it takes. */
  async listen(): Promise<{ readonly host: string; readonly port: number; accept(): Promise<Remote> }> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const accepted = new Promise<Remote>((resolve) =>
      server.once("connection", (socket) => resolve(this.remote(socket))),
    )
    this.harness.cleanup(() => server.close())
    const { port } = server.address() as AddressInfo
    return { host: "127.0.0.1", port, accept: () => accepted }
  }

  /** Connects as anybody could. */
  async visit(port: number): Promise<Remote> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    await once(socket, "connect")
    return this.remote(socket)
  }

  remote(socket: Socket): Remote {
    this.harness.cleanup(() => socket.destroy())
    return new Remote(socket)
  }

  /** A connection of the protocol, and its remote. */
  async connected(protocol: Protocol | BufferedProtocol): Promise<[Transport, Remote]> {
    const { host, port, accept } = await this.listen()
    const [transport] = await this.loop.createConnection(() => protocol, { host, port })
    return [transport, await accept()]
  }
}

/** As Python prints it. */
function said(word: unknown): string {
  if (word === true) return "True"
  if (word === false) return "False"
  return word === null || word === undefined ? "None" : `${word as string | number}`
}

/** Notes the callbacks that all protocols share; hooks are called afterwards, and answer for them. */
class Base<OfTransport> {
  protected readonly twin: Twin
  readonly name: string
  transport: OfTransport | null = null
  isLost = false
  readonly #hooks: BaseProtocol<OfTransport>

  constructor(twin: Twin, hooks: BaseProtocol<OfTransport>, name: string) {
    this.twin = twin
    this.#hooks = hooks
    this.name = name === "" ? "" : `${name}.`
  }

  note(first: string, ...words: readonly unknown[]): void {
    this.twin.note(this.name + first, ...words)
  }

  get lost(): Promise<void> {
    return this.twin.until(() => this.isLost)
  }

  connectionMade(transport: OfTransport): void {
    this.transport = transport
    this.note("connection_made")
    this.#hooks.connectionMade?.(transport)
  }

  connectionLost(error: Error | null): void {
    this.isLost = true
    this.note("connection_lost", kind(error))
    this.#hooks.connectionLost?.(error)
  }

  pauseWriting(): void {
    this.note("pause_writing")
    this.#hooks.pauseWriting?.()
  }

  resumeWriting(): void {
    this.note("resume_writing")
    this.#hooks.resumeWriting?.()
  }
}

export class Recorder extends Base<Transport> implements Protocol {
  received = Buffer.alloc(0)
  readonly #stream: Protocol

  constructor(twin: Twin, hooks: Protocol = {}, name = "") {
    super(twin, hooks, name)
    this.#stream = hooks
  }

  dataReceived(data: Buffer): void {
    this.received = Buffer.concat([this.received, data])
    this.twin.count(`${this.name}data_received`, data.length)
    this.#stream.dataReceived?.(data)
  }

  eofReceived(): unknown {
    this.note("eof_received")
    return this.#stream.eofReceived?.()
  }
}

export class BufferedRecorder extends Base<Transport> implements BufferedProtocol {
  total = 0
  readonly #buffered: Partial<BufferedProtocol>

  constructor(twin: Twin, hooks: Partial<BufferedProtocol>) {
    super(twin, hooks, "")
    this.#buffered = hooks
  }

  getBuffer(sizeHint: number): Uint8Array {
    return this.#buffered.getBuffer?.(sizeHint) ?? Buffer.alloc(0)
  }

  bufferUpdated(bytes: number): void {
    this.total += bytes
    this.note("buffer_updated", bytes)
    this.#buffered.bufferUpdated?.(bytes)
  }

  eofReceived(): void {
    this.note("eof_received")
  }
}

export class DatagramRecorder extends Base<DatagramTransport> implements DatagramProtocol {
  readonly #datagrams: DatagramProtocol

  constructor(twin: Twin, hooks: DatagramProtocol = {}, name = "") {
    super(twin, hooks, name)
    this.#datagrams = hooks
  }

  datagramReceived(data: Buffer, addr: SenderAddress): void {
    this.note("datagram_received", data.length)
    this.#datagrams.datagramReceived?.(data, addr)
  }

  errorReceived(error: Error): void {
    this.note("error_received", kind(error))
  }
}

/** Output is kept apart: between two pipes and the exit there is no order to compare. */
export class ProcessRecorder extends Base<SubprocessTransport> implements SubprocessProtocol {
  readonly output = new Map([
    [1, ""],
    [2, ""],
  ])
  readonly ended: string[] = []
  exits = 0
  readonly #process: SubprocessProtocol

  constructor(twin: Twin, hooks: SubprocessProtocol = {}) {
    super(twin, hooks, "")
    this.#process = hooks
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    this.output.set(fd, `${this.output.get(fd) ?? ""}${data.toString()}`)
    this.twin.look()
  }

  pipeConnectionLost(fd: number, error: Error | null): void {
    this.ended.push(`${fd} ${kind(error)}`)
    this.twin.look()
  }

  processExited(): void {
    this.exits++
    this.twin.look()
    this.#process.processExited?.()
  }

  /** Notes all of it. */
  tell(): void {
    for (const [fd, output] of this.output) this.twin.note("output", fd, output)
    this.twin.note("ended", this.ended.toSorted().join(", "))
    this.twin.note("exits", this.exits, "returncode", this.transport?.getReturncode())
  }
}

/** The other end of a connection: a plain socket, not read until somebody asks. */
export class Remote {
  readonly socket: Socket
  #data = Buffer.alloc(0)
  #over = false
  #wake = (): void => {}

  constructor(socket: Socket) {
    this.socket = socket.on("error", () => {})
  }

  /** Resolves when the system has taken it. */
  async send(data: Uint8Array | string): Promise<void> {
    await new Promise((resolve) => this.socket.write(data, resolve))
  }

  async receive(bytes: number): Promise<Buffer> {
    this.#read()
    while (this.#data.length < bytes) await new Promise<void>((resolve) => (this.#wake = resolve))
    const data = this.#data.subarray(0, bytes)
    this.#data = this.#data.subarray(bytes)
    return data
  }

  /** All bytes up to the end, however it ends. */
  async rest(): Promise<Buffer> {
    this.#read()
    while (!this.#over) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#data
  }

  end(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  #read(): void {
    if (this.socket.listenerCount("data") > 0) return
    const over = (): void => {
      this.#over = true
      this.#wake()
    }
    this.socket.on("data", (chunk: Buffer) => {
      this.#data = Buffer.concat([this.#data, chunk])
      this.#wake()
    })
    this.socket.once("end", over).once("close", over).resume()
  }
}
