/**
 * What a child finds under its descriptor numbers: one end of a pipe of ours, nothing, or what the daemon was handed.
 * Knows neither programs nor how they are started.
 *
 * Platform: what Node calls a pipe to a child is a pair of sockets, which `open("/dev/stdin")` refuses. Real pipes need
 * the C library; without it children get Node's.
 */
import type { ChildProcess } from "node:child_process"
import { closeSync } from "node:fs"
import type { Duplex } from "node:stream"
import type { ParsedParams } from "../../protocol/registry.ts"
import { makePipe } from "../native/pipe.ts"
import { streamOf } from "../transports/descriptor.ts"
import { NodeStream } from "../transports/stream.ts"
import type { StreamEvents, StreamTransport } from "../transports/transport.ts"
import type { ClientDescriptors, DescriptorRef, Taken } from "./clientDescriptors.ts"

export type StandardFd = 0 | 1 | 2

/** Our end of one of the child's standard streams. */
export interface ChildPipe {
  readonly fd: StandardFd
  makeStream(events: StreamEvents): StreamTransport
}

export type DescriptorParams = Pick<ParsedParams<"loop/subprocessExec">, "stdin" | "stdout" | "stderr" | "fds">

/** Where they are taken from. */
export interface DescriptorStore {
  readonly descriptors: ClientDescriptors
  readonly signal: AbortSignal
}

/** For one attempt to start a child; ends with `started()` or `failed()`. */
export class ChildDescriptors {
  /** By number in the child, in the words of Node's `spawn`. */
  readonly stdio: Array<number | "ignore" | "pipe"> = []
  readonly #taken: Taken[] = []
  readonly #ours = new Map<StandardFd, number>()
  readonly #theirs: number[] = []
  #needsShell = false

  /** Fails as `ClientDescriptors.take` does, or with a system error; nothing is left open then. */
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

  /** Whether stderr is to be stdout and only a shell can make it so: Node gives a child none of its own pipes twice. */
  get needsShell(): boolean {
    return this.#needsShell
  }

  /** The child has what it is to have: this process keeps our ends alone. */
  started(child: ChildProcess): ChildPipe[] {
    for (const fd of this.#theirs) closeSync(fd)
    for (const taken of this.#taken) taken.close()
    return ([0, 1, 2] as const).flatMap((fd) => {
      const stream = this.#streamTo(child, fd)
      return stream === null ? [] : [{ fd, makeStream: (events) => pipeTransport(fd, stream, events) }]
    })
  }

  /** There is no child. */
  failed(): void {
    for (const fd of [...this.#theirs, ...this.#ours.values()]) closeSync(fd)
    for (const taken of this.#taken) taken.giveBack()
  }

  async #open({ stdin, stdout, stderr, fds }: DescriptorParams, store: DescriptorStore): Promise<void> {
    this.stdio[0] = await this.#find(0, stdin, store)
    this.stdio[1] = await this.#find(1, stdout, store)
    this.#needsShell = stderr === "stdout" && this.stdio[1] === "pipe"
    if (stderr !== "stdout") this.stdio[2] = await this.#find(2, stderr, store)
    else this.stdio[2] = this.#needsShell ? "ignore" : this.stdio[1]
    for (const [fd, ref] of Object.entries(fds)) this.stdio[Number(fd)] = await this.#take(ref, store)
    // What lies between is nothing: Node wants to hear of each.
    for (const fd of this.stdio.keys()) this.stdio[fd] ??= "ignore"
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

  async #take(ref: DescriptorRef, { descriptors, signal }: DescriptorStore): Promise<number> {
    const taken = await descriptors.take(ref, ["fifo", "socket", "terminal", "file"], signal)
    this.#taken.push(taken)
    return taken.fd
  }

  #streamTo(child: ChildProcess, fd: StandardFd): Duplex | null {
    const ours = this.#ours.get(fd)
    if (ours === undefined) return child.stdio[fd] as Duplex | null
    const stream = streamOf({ fd: ours }, { readable: fd !== 0, writable: fd === 0 })
    // As Node does with its own: a pipe that is only written to says nothing when nobody reads it any more.
    if (fd === 0) child.once("exit", () => stream.destroy())
    return stream
  }
}

function pipeTransport(fd: StandardFd, stream: Duplex, events: StreamEvents): StreamTransport {
  return new NodeStream(stream, events, { readable: fd !== 0, writable: fd === 0 })
}
