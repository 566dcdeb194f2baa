/**
 * What a child finds under its descriptor numbers: one end of a pipe of ours, a terminal, nothing, or what was handed
 * over.
 * Knows neither programs nor how they are started.
 *
 * Platform: what Node calls a pipe to a child is a pair of sockets, which `open("/dev/stdin")` refuses. Real pipes need
 * the C library; without it children get Node's.
 */
import type { ChildProcess } from "node:child_process"
import { closeSync, fchownSync, fstatSync } from "node:fs"
import type { Duplex } from "node:stream"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { openFailure } from "../failures.ts"
import { makePipe } from "../native/pipe.ts"
import { closeTerminal, openTerminal, type TerminalPair, type TerminalSize } from "../native/terminal.ts"
import { streamOf } from "../transports/descriptor.ts"
import type { Child } from "../transports/process.ts"
import { NodeStream } from "../transports/stream.ts"
import { Terminal } from "../transports/terminal.ts"
import type { StreamEvents, StreamTransport } from "../transports/transport.ts"
import type { ClientDescriptors, DescriptorRef, Taken } from "./clientDescriptors.ts"

export type StandardFd = 0 | 1 | 2

/** What a shell does before it becomes the program, with the same process id: what Node cannot. */
export interface Preparation {
  readonly script: string
  /** Before the program, for the script to shift. */
  readonly args: readonly string[]
}

/** Platform: Node gives a child none of its own pipes twice. */
const JOINED: Preparation = { script: 'exec "$@" 2>&1', args: [] }

/** Platform: the first terminal that the leader of a session opens becomes that session's; Node only starts the session. */
const CONTROLLED = ': <"$1" && shift && exec "$@"'

/** Our end of one of the child's standard streams. */
export interface ChildPipe {
  readonly fd: StandardFd
  makeStream(events: StreamEvents): StreamTransport
}

export type DescriptorParams = Pick<
  ParsedParams<"loop/subprocessExec">,
  "stdin" | "stdout" | "stderr" | "fds" | "pty" | "uid"
>

/** What the parent has of a child that runs. */
export interface ParentEnds {
  readonly pipes: readonly ChildPipe[]
  /** Where there is one, the pipes lead to it. */
  readonly terminal: Terminal | null
}

/** A child, with the streams that Node has made to it, if it has made any. */
type Parented = Child & Partial<Pick<ChildProcess, "stdio">>

/** Where they are taken from. */
export interface DescriptorStore {
  readonly descriptors: ClientDescriptors
  /** Who asks for them; its signal is made for who looks at it. */
  readonly request: { readonly signal: AbortSignal }
}

/** For one attempt to start a child; ends with `started()` or `failed()`. */
export class ChildDescriptors {
  /** By number in the child, in the words of Node's `spawn`. */
  readonly stdio: Array<number | "ignore" | "pipe"> = []
  readonly #taken: Taken[] = []
  readonly #ours = new Map<StandardFd, number>()
  readonly #theirs: number[] = []
  #pty: { readonly pair: TerminalPair; readonly size: TerminalSize } | null = null
  #preparation: Preparation | null = null

  /**
   * Fails as `ClientDescriptors.take` does, with a system error, with OsFailure where no terminal can be opened, and
   * with NotSupported where there are none; nothing is left open then.
   */
  static async open(params: DescriptorParams, store: DescriptorStore): Promise<ChildDescriptors> {
    const made = new ChildDescriptors()
    try {
      await made.#open(params, store)
      return made
    } catch (error) {
      made.failed()
      throw error
    }
  }

  get preparation(): Preparation | null {
    return this.#preparation
  }

  /** Whether the child has nothing but standard streams, and of these only what was made for it. */
  get arePlain(): boolean {
    return this.#pty === null && this.#taken.length === 0 && !this.stdio.includes("pipe")
  }

  /** The child has what it is to have: this process keeps our ends alone. */
  started(child: Parented): ParentEnds {
    for (const fd of this.#theirs) closeSync(fd)
    for (const taken of this.#taken) taken.close()
    if (this.#pty !== null) return terminalOf(child, this.#pty.pair, this.#pty.size)
    const pipes = ([0, 1, 2] as const).flatMap((fd) => {
      const stream = this.#streamTo(child, fd)
      return stream === null ? [] : [{ fd, makeStream: (events: StreamEvents) => pipeTransport(fd, stream, events) }]
    })
    return { pipes, terminal: null }
  }

  /** There is no child. */
  failed(): void {
    for (const fd of [...this.#theirs, ...this.#ours.values()]) closeSync(fd)
    if (this.#pty !== null) closeTerminal(this.#pty.pair)
    for (const taken of this.#taken) taken.giveBack()
  }

  async #open(params: DescriptorParams, store: DescriptorStore): Promise<void> {
    if (params.pty !== undefined) this.#openTerminal(params.pty, params.uid)
    else await this.#openStandard(params, store)
    for (const [fd, ref] of Object.entries(params.fds)) this.stdio[Number(fd)] = await this.#take(ref, store)
    // What lies between is nothing: Node wants to hear of each.
    for (const fd of this.stdio.keys()) this.stdio[fd] ??= "ignore"
  }

  #openTerminal(size: TerminalSize, uid: number | undefined): void {
    const pair = terminalFor(size)
    this.#pty = { pair, size: { columns: size.columns, rows: size.rows } }
    // It opens its terminal by name, as the user that it runs as.
    if (uid !== undefined) fchownSync(pair.slave, uid, fstatSync(pair.slave).gid)
    this.stdio.push(pair.slave, pair.slave, pair.slave)
    this.#preparation = { script: CONTROLLED, args: [pair.path] }
  }

  async #openStandard({ stdin, stdout, stderr }: DescriptorParams, store: DescriptorStore): Promise<void> {
    this.stdio[0] = await this.#find(0, stdin, store)
    this.stdio[1] = await this.#find(1, stdout, store)
    if (stderr !== "stdout") this.stdio[2] = await this.#find(2, stderr, store)
    else if (this.stdio[1] !== "pipe") this.stdio[2] = this.stdio[1]
    else {
      this.stdio[2] = "ignore"
      this.#preparation = JOINED
    }
  }

  async #find(
    fd: StandardFd,
    wish: "pipe" | "null" | { readonly fd: DescriptorRef },
    store: DescriptorStore,
  ): Promise<number | "ignore" | "pipe"> {
    if (wish === "null") return "ignore"
    if (typeof wish === "object") return this.#take(wish.fd, store)
    const pipe = makePipe()
    if (pipe === null) return "pipe"
    const [ours, theirs] = fd === 0 ? [pipe.writeEnd, pipe.readEnd] : [pipe.readEnd, pipe.writeEnd]
    this.#ours.set(fd, ours)
    this.#theirs.push(theirs)
    return theirs
  }

  async #take(ref: DescriptorRef, { descriptors, request }: DescriptorStore): Promise<number> {
    const taken = await descriptors.take(ref, ["fifo", "socket", "terminal", "file"], request.signal)
    this.#taken.push(taken)
    return taken.fd
  }

  #streamTo(child: Parented, fd: StandardFd): Duplex | null {
    const ours = this.#ours.get(fd)
    if (ours === undefined) return (child.stdio?.[fd] ?? null) as Duplex | null
    const stream = streamOf({ fd: ours }, { readable: fd !== 0, writable: fd === 0 })
    // As Node does with its own: a pipe that is only written to says nothing when nobody reads it any more.
    if (fd === 0) child.once("exit", () => stream.destroy())
    return stream
  }
}

function terminalFor(size: TerminalSize): TerminalPair {
  let pair: TerminalPair | null
  try {
    pair = openTerminal(size)
  } catch (error) {
    throw openFailure(error)
  }
  if (pair !== null) return pair
  const data = { kind: "pty", operation: "pty" }
  throw rpcError("NotSupported", "a terminal needs Linux and the optional package koffi", data)
}

function terminalOf(child: Child, pair: TerminalPair, size: TerminalSize): ParentEnds {
  const terminal = new Terminal(pair, size)
  child.once("exit", () => terminal.programEnded())
  const pipes: ChildPipe[] = [
    { fd: 0, makeStream: (events) => terminal.input(events) },
    { fd: 1, makeStream: (events) => terminal.output(events) },
  ]
  return { pipes, terminal }
}

function pipeTransport(fd: StandardFd, stream: Duplex, events: StreamEvents): StreamTransport {
  return new NodeStream(stream, events, { readable: fd !== 0, writable: fd === 0 })
}
