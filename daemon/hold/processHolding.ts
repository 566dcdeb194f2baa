/**
 * A process that a client holds: its callbacks are those of asyncio's `SubprocessProtocol`.
 *
 *     connectionMade (pipeDataReceived | pipeConnectionLost | processExited)* connectionLost
 *
 * `connectionLost` waits for the exit and for each pipe; a pipe that somebody else keeps open after the exit is let go
 * once it was silent for `drainMs`, so that it does not wait for ever.
 */
import type { Duplex } from "node:stream"
import { rpcError } from "../../protocol/errors.ts"
import { WRITE_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { RequestResult } from "../../protocol/registry.ts"
import type { Clock } from "../clock.ts"
import { lossOf } from "../failures.ts"
import type { ProcessTransport } from "../transports/process.ts"
import { NodeStream } from "../transports/stream.ts"
import type { Extra, ProcessEvents } from "../transports/transport.ts"
import { Channel, type TransportOptions } from "./channel.ts"
import type { Description, Ending, Holding, State } from "./holding.ts"
import type { Recipient } from "./recipient.ts"

export type PipeFd = 0 | 1 | 2
type Opened = RequestResult<"loop/subprocessExec">

export interface ProcessHoldingOptions {
  readonly id: number
  readonly owner: Recipient
  readonly options: TransportOptions
  readonly drainMs: number
  readonly clock: Clock
  /** The pipes with the ids for their channels. */
  readonly pipes: ReadonlyArray<{ readonly fd: PipeFd; readonly id: number; readonly stream: Duplex }>
  makeProcess(events: ProcessEvents): ProcessTransport
  ended(ending: Ending): void
}

export class ProcessHolding implements Holding {
  readonly kind = "subprocess"
  readonly id: number
  readonly name: string | undefined
  readonly owner: Recipient
  readonly process: ProcessTransport
  readonly channels: readonly Channel[]
  readonly #options: ProcessHoldingOptions
  readonly #openPipes = new Set<number>()
  /** When a pipe last gave something: the drain deadline counts from there. */
  #lastOutputMs = 0
  #exit: { returncode: number; signal: NodeJS.Signals | null } | null = null
  #exitSaid = false
  #closing = false
  #state: State = "opening"
  #stopDraining = (): void => {}

  constructor(options: ProcessHoldingOptions) {
    this.#options = options
    this.id = options.id
    this.name = options.options.name
    this.owner = options.owner
    this.process = options.makeProcess({ exited: (returncode, signal) => this.#exited(returncode, signal) })
    this.channels = options.pipes.map(({ fd, id, stream }) => this.#channel(fd, id, stream))
  }

  get state(): State {
    return this.#state === "open" && this.#closing ? "closing" : this.#state
  }

  get isClosing(): boolean {
    return this.#closing
  }

  get extra(): Extra {
    return { subprocess: { pid: this.process.pid, returncode: this.process.returncode } }
  }

  /** The ids of the pipes by descriptor. */
  get pipes(): Partial<Record<PipeFd, number>> {
    return Object.fromEntries(this.channels.map(({ fd, id }) => [fd, id]))
  }

  /** What the answer to the request that made it says. */
  get opened(): Opened {
    const { id: transport, kind, extra, pipes } = this
    return {
      transport,
      kind,
      extra: { ...extra },
      writeWindowBytes: WRITE_WINDOW_BYTES,
      pid: this.process.pid,
      pipes,
    }
  }

  start(): void {
    this.#state = "open"
    this.owner.notify("protocol/connectionMade", this.opened)
    for (const channel of this.channels) channel.start()
    this.#sayExit()
  }

  /** Closes the pipes and kills the process with its group, as asyncio's `SubprocessTransport.close`. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    for (const channel of this.channels) channel.abort()
    this.process.signalGroup("SIGKILL")
  }

  abort(): void {
    this.close()
    this.process.signalGroup("SIGKILL")
  }

  /** A SIGTERM first; what it still says nobody hears. */
  abandon(): void {
    if (this.#state === "opening") this.start()
    this.#closing = true
    for (const channel of this.channels) channel.abort()
    this.process.signalGroup("SIGTERM")
  }

  describe(): Description {
    return {
      transport: this.id,
      kind: this.kind,
      ...(this.name !== undefined && { name: this.name }),
      clientId: this.owner.id,
      lifetime: "client",
      state: this.state,
      extra: { ...this.extra },
      pid: this.process.pid,
      returncode: this.process.returncode,
      channels: this.channels.map((channel) => channel.counts),
    }
  }

  #channel(fd: PipeFd, id: number, stream: Duplex): Channel {
    const { id: transport, owner } = this
    this.#openPipes.add(fd)
    return new Channel({
      id,
      fd,
      recipient: owner,
      options: this.#options.options,
      makeStream: (events) => new NodeStream(stream, events, { readable: fd !== 0, writable: fd === 0 }),
      voice: {
        deliver: (delivery) => {
          this.#lastOutputMs = this.#options.clock.nowMs()
          owner.notify("protocol/pipeDataReceived", { transport, fd, ...delivery })
        },
        // A read pipe ends with its end of file, whatever anybody answers.
        eof: () => this.#find(fd)?.close(),
        lost: (error) => this.#pipeLost(fd, error),
        pauseWriting: () => owner.notify("protocol/pauseWriting", { transport, fd }),
        resumeWriting: () => owner.notify("protocol/resumeWriting", { transport, fd }),
      },
    })
  }

  #find(fd: number): Channel | undefined {
    return this.channels.find((channel) => channel.fd === fd)
  }

  #exited(returncode: number, signal: NodeJS.Signals | null): void {
    this.#exit = { returncode, signal }
    this.#lastOutputMs = this.#options.clock.nowMs()
    this.#drain()
    // Two turns let pipes that have ended too be read to their end, so that the exit can be said to be complete.
    setImmediate(() => setImmediate(() => this.#sayExit()))
  }

  #sayExit(): void {
    if (this.#exit === null || this.#exitSaid || this.#state === "opening") return
    this.#exitSaid = true
    const incomplete = [...this.#openPipes].some((fd) => fd !== 0)
    this.owner.notify("protocol/processExited", {
      transport: this.id,
      ...this.#exit,
      ...(incomplete && { outputMayBeIncomplete: true }),
    })
    this.#endWhenDone()
  }

  /** Lets go of pipes that stay silent after the exit; one that waits for its client is not silent. */
  #drain(): void {
    const { clock, drainMs } = this.#options
    this.#stopDraining = clock.after(drainMs - (clock.nowMs() - this.#lastOutputMs), () => {
      const held = this.channels.filter(
        ({ fd, outlet }) => fd !== 0 && this.#openPipes.has(fd ?? -1) && outlet !== null,
      )
      const waiting = held.some(({ outlet }) => outlet?.waiting)
      if (waiting) this.#lastOutputMs = clock.nowMs()
      if (clock.nowMs() - this.#lastOutputMs < drainMs) return this.#drain()
      const message = `another process kept the pipe open for ${drainMs} ms after the exit`
      for (const channel of held)
        channel.abort(rpcError("TimedOut", message, { operation: "drain", timeoutMs: drainMs }))
    })
  }

  #pipeLost(fd: PipeFd, error: Error | null): void {
    this.#openPipes.delete(fd)
    const { id: transport } = this
    this.owner.notify("protocol/pipeConnectionLost", { transport, fd, error: lossOf(error, transport) })
    this.#endWhenDone()
  }

  #endWhenDone(): void {
    if (!this.#exitSaid || this.#openPipes.size > 0 || this.#state === "ended") return
    this.#state = "ended"
    this.#stopDraining()
    this.owner.notify("protocol/connectionLost", { transport: this.id, error: null })
    this.#options.ended({ kind: this.kind, pid: this.process.pid, broken: false })
  }
}
