/** asyncio's subprocess transport: the child, its pipes, its end. */
import { rpcError, type RpcError } from "../protocol/errors.ts"
import type { RequestResult } from "../protocol/registry.ts"
import type { Link } from "./link.ts"
import { ReadPipe, WritePipe } from "./pipes.ts"
import type { SubprocessProtocol } from "./protocols.ts"
import type { BaseTransport, Resumed, Resumption } from "./transport.ts"

type Opened = RequestResult<"loop/subprocessExec">

/** In characters. */
interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** Source: asyncio `SubprocessTransport`. */
export class SubprocessTransport implements BaseTransport {
  readonly id: number
  readonly #link: Link
  readonly #opened: Opened
  readonly #forget: () => void
  readonly #stdin: WritePipe | null
  readonly #outputs: ReadonlyMap<number, ReadPipe>
  #protocol: SubprocessProtocol
  readonly #pipesLost = new Set<number>()
  #returncode: number | null = null
  #closing = false
  #lost = false
  #size: TerminalSize | null

  /** @param channels where the pipes stand, for a process that was started before. */
  constructor(
    link: Link,
    protocol: SubprocessProtocol,
    opened: Opened,
    forget: () => void,
    channels: Resumed["channels"] = [],
  ) {
    this.id = opened.transport
    this.#link = link
    this.#protocol = protocol
    this.#opened = opened
    this.#forget = forget
    const { pty } = opened.extra as { readonly pty?: TerminalSize }
    this.#size = pty ?? null
    const { 0: stdin, ...outputs } = opened.pipes
    const events = {
      pauseWriting: () => this.#protocol.pauseWriting?.(),
      resumeWriting: () => this.#protocol.resumeWriting?.(),
    }
    const at = (id: number): Resumed["channels"][number] | undefined => channels.find((channel) => channel.id === id)
    this.#stdin = stdin === undefined ? null : new WritePipe(stdin, link, opened, events, at(stdin))
    this.#outputs = new Map(
      Object.entries(outputs).flatMap(([fd, id]) => {
        if (id === undefined) return []
        return [[Number(fd), new ReadPipe(id, link, (chunk) => this.#output(Number(fd), chunk), at(id)?.offset)]]
      }),
    )
  }

  getPid(): number {
    return this.#opened.pid
  }

  /** The exit status, minus the number of the signal that ended it, or null while it runs. */
  getReturncode(): number | null {
    return this.#returncode
  }

  /** The transport of the child's descriptor `fd`: 0 to write to, 1 and 2 to read from; null for what is no pipe. */
  getPipeTransport(fd: 0): WritePipe | null
  getPipeTransport(fd: 1 | 2): ReadPipe | null
  getPipeTransport(fd: number): WritePipe | ReadPipe | null
  getPipeTransport(fd: number): WritePipe | ReadPipe | null {
    return fd === 0 ? this.#stdin : (this.#outputs.get(fd) ?? null)
  }

  getProtocol(): SubprocessProtocol {
    return this.#protocol
  }

  setProtocol(protocol: SubprocessProtocol): void {
    this.#protocol = protocol
  }

  /** `subprocess` is a description with its `pid` and `returncode`, `pty` one of its terminal with its size and `path`. */
  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    if (name === "subprocess") return { pid: this.getPid(), returncode: this.#returncode }
    if (name === "pty" && this.#size !== null) return { ...(this.#opened.extra.pty as object), ...this.#size }
    return otherwise
  }

  /** True after `close()`; the end of the process alone does not close the transport (asyncio). */
  isClosing(): boolean {
    return this.#closing
  }

  /**
   * Sends a signal, by name (`"SIGHUP"`) or number, to the process alone. Between its exit and `connectionLost`: no
   * effect. After `connectionLost` it throws NoSuchProcess (asyncio: ProcessLookupError).
   */
  sendSignal(signal: NodeJS.Signals | number): void {
    if (this.#lost) throw rpcError("NoSuchProcess", `process ${this.getPid()} has ended`, { pid: this.getPid() })
    this.#link.notify("transport/sendSignal", { transport: this.id, signal })
  }

  /**
   * Changes the size of its terminal; what runs in the foreground there gets SIGWINCH. Throws NotSupported where it has
   * pipes. Not in asyncio.
   */
  resize(columns: number, rows: number): void {
    if (this.#size === null) {
      throw rpcError("NotSupported", "it has pipes, no terminal", { kind: this.#opened.kind, operation: "resize" })
    }
    if (this.#lost) return
    this.#size = { columns, rows }
    this.#link.notify("transport/resize", { transport: this.id, columns, rows })
  }

  terminate(): void {
    this.sendSignal("SIGTERM")
  }

  kill(): void {
    this.sendSignal("SIGKILL")
  }

  /** Closes the pipes or the terminal, and kills the process, with its group, if it still runs. Again: no effect. */
  close(): void {
    if (this.#closing || this.#lost) return
    this.#closing = true
    this.#link.notify("transport/close", { transport: this.id })
  }

  /** Leaves the process to whoever attaches next, as `Transport.detach`; its pipes are lost with it. Again: no effect. */
  detach(): void {
    if (this.#closing || this.#lost) return
    this.#closing = true
    for (const pipe of this.#outputs.values()) if (!pipe.isClosing()) pipe.detach()
    this.#link.notify("transport/detach", { transport: this.id })
    setImmediate(() => {
      for (const fd of [0, 1, 2]) this.pipeLost(fd, null)
      this.lost(null)
    })
  }

  /** @internal The connection to the daemon is broken, and may come back. */
  suspend(): void {
    this.#stdin?.suspend()
  }

  /** @internal What to ask for after a break: what did not come yet. */
  get resumption(): Resumption {
    return { since: Object.fromEntries([...this.#outputs].map(([fd, pipe]) => [String(fd), pipe.position])) }
  }

  /** @internal The connection to the daemon is back. */
  resumed({ channels }: Resumed): void {
    const input = channels.find(({ fd }) => fd === 0)
    if (input !== undefined) this.#stdin?.resumed(input.written, input.flushed)
    for (const pipe of this.#outputs.values()) pipe.resumed()
    if (this.#closing) this.#link.notify("transport/close", { transport: this.id })
  }

  /** @internal */
  bytesLost(from: number, to: number, fd: number): void {
    this.#outputs.get(fd)?.bytesLost(to)
    this.#call("bytesLost", () => this.#protocol.bytesLost?.(from, to, fd))
  }

  /** @internal */
  made(): void {
    this.#call("connectionMade", () => this.#protocol.connectionMade?.(this))
  }

  /** @internal */
  pipeData(fd: number, chunk: Buffer): void {
    this.#outputs.get(fd)?.data(chunk)
  }

  /** @internal */
  pipeLost(fd: number, error: Error | null): void {
    // Said once more after a break.
    if (this.#pipesLost.has(fd)) return
    this.#pipesLost.add(fd)
    const cause = error ?? (fd === 0 ? this.#unread() : null)
    this.getPipeTransport(fd)?.lost(() =>
      this.#call("pipeConnectionLost", () => this.#protocol.pipeConnectionLost?.(fd, cause)),
    )
  }

  /** @internal */
  exited(returncode: number): void {
    if (this.#returncode !== null) return
    this.#returncode = returncode
    this.#call("processExited", () => this.#protocol.processExited?.())
  }

  /** @internal */
  flushed(offset: number): void {
    this.#stdin?.flushed(offset)
  }

  /** @internal The connection to the daemon is over: the pipes are lost with it, how the process ends is not known. */
  cut(error: Error): void {
    for (const pipe of this.#outputs.values()) pipe.cut()
    for (const fd of [0, 1, 2]) this.pipeLost(fd, error)
    this.lost(error)
  }

  /** @internal Comes behind what each pipe still holds for a paused protocol. */
  lost(error: Error | null): void {
    const pipes = [...this.#outputs.values()]
    const next = (): void => {
      const pipe = pipes.pop()
      if (pipe !== undefined) return pipe.lost(next)
      // Once more, where a detach met the loss on its way.
      if (this.#lost) return
      this.#lost = true
      this.#forget()
      this.#call("connectionLost", () => this.#protocol.connectionLost?.(error))
    }
    next()
  }

  /** The daemon knows only what has come to it: what still waits here for a child that left is a broken pipe, too. */
  #unread(): RpcError | null {
    if (this.#closing || this.#stdin === null || this.#stdin.getWriteBufferSize() === 0) return null
    const message = "the process left before it had read everything"
    return rpcError("TransportBroken", message, { transport: this.#stdin.id, errno: "EPIPE" })
  }

  #output(fd: number, chunk: Buffer): void {
    this.#call("pipeDataReceived", () => this.#protocol.pipeDataReceived?.(fd, this.#link.own(chunk)))
  }

  /** What a callback throws is reported; the transport goes on (asyncio, for pipes and processes). */
  #call(where: string, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#link.report(error, where)
    }
  }
}
