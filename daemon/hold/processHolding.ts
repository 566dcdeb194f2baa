/**
 * A process that is held: its callbacks are those of asyncio's `SubprocessProtocol`.
 *
 *     connectionMade (pipeDataReceived | pipeConnectionLost | processExited)* connectionLost
 *
 * `connectionLost` waits for the exit and for each pipe; a pipe that somebody else keeps open after the exit is let go
 * once it was silent for `drainMs`, so that it does not wait for ever. A client that comes after the exit hears the
 * output first.
 */
import { rpcError } from "../../protocol/errors.ts"
import type { RequestResult } from "../../protocol/registry.ts"
import { WaterMarks } from "../../protocol/waterMarks.ts"
import { lossOf } from "../failures.ts"
import type { ProcessTransport } from "../transports/process.ts"
import type { Terminal } from "../transports/terminal.ts"
import type { Extra, ProcessEvents, StreamEvents, StreamTransport } from "../transports/transport.ts"
import type { Attachment } from "./attachment.ts"
import { Channel, type ChannelHolder } from "./channel.ts"
import { Holding, type Description, type Ending, type HoldingOptions } from "./holding.ts"
import { keepingOf, type TransportOptions } from "./keeping.ts"
import type { Voice } from "./outlet.ts"

export type PipeFd = 0 | 1 | 2

type OpenedProcess = RequestResult<"loop/subprocessExec">

interface PipeOptions {
  readonly fd: PipeFd
  readonly id: number
  makeStream(events: StreamEvents): StreamTransport
}

export interface ProcessHoldingOptions extends Omit<HoldingOptions, "kind" | "extra"> {
  readonly drainMs: number
  /** The pipes with the ids for their channels. */
  readonly pipes: readonly PipeOptions[]
  /** What the pipes lead to, if it is one. */
  readonly terminal: Terminal | null
  makeProcess(events: ProcessEvents): ProcessTransport
}

export class ProcessHolding extends Holding implements ChannelHolder {
  readonly process: ProcessTransport
  readonly channels: readonly Channel[]
  readonly terminal: Terminal | null
  readonly #drainMs: number
  /** When a pipe last gave something: the drain deadline counts from there. */
  #lastOutputMs = 0
  #inputLoss: Error | null = null
  #exit: { returncode: number; signal: NodeJS.Signals | null } | null = null
  /** Whether pipes that ended with the process have had the time to be read to their end. */
  #exitSettled = false
  #closing = false
  #stopDraining = (): void => {}

  constructor(options: ProcessHoldingOptions) {
    super({ kind: options.terminal === null ? "subprocess" : "pty", extra: {}, ...options })
    this.terminal = options.terminal
    this.#drainMs = options.drainMs
    this.process = options.makeProcess({ exited: (returncode, signal) => this.#exited(returncode, signal) })
    this.channels = options.pipes.map((pipe) => this.#channel(pipe, options.options))
    this.attachFirst(options)
  }

  get isClosing(): boolean {
    return this.#closing
  }

  override get extra(): Extra {
    const { process, terminal } = this
    const subprocess = { pid: process.pid, returncode: process.returncode }
    return { subprocess, ...(terminal !== null && { pty: { path: terminal.path, ...terminal.size } }) }
  }

  override get opened(): OpenedProcess {
    const { transport, kind, extra, writeWindowBytes } = super.opened
    return { transport, kind, extra, writeWindowBytes, pid: this.process.pid, pipes: this.pipes }
  }

  /** The ids of the pipes by descriptor. */
  get pipes(): Partial<Record<PipeFd, number>> {
    return Object.fromEntries(this.channels.map(({ fd, id }) => [fd, id]))
  }

  /** Closes the pipes and kills the process with its group, as asyncio's `SubprocessTransport.close`. */
  close(): void {
    this.#end("SIGKILL")
  }

  abort(): void {
    this.#end("SIGKILL")
  }

  /** Asks it to end first; what it still says nobody hears. */
  override abandon(): void {
    if (this.state === "opening") this.start()
    this.#end(this.process.farewell)
  }

  override describe(): Description {
    return { ...super.describe(), pid: this.process.pid, returncode: this.process.returncode }
  }

  channelActive(): void {
    this.#lastOutputMs = this.held.clock.nowMs()
  }

  channelEnded(channel: Channel): void {
    channel.stream.close()
  }

  channelLost(channel: Channel, error: Error | null): void {
    if (!channel.readable) this.#inputLoss = error
    if (this.state !== "opening") for (const attachment of this.attachments) this.#sayInputLoss(attachment, channel)
    if (this.isOver) this.#stopDraining()
    this.proceed()
  }

  protected override voice({ recipient }: Attachment, channel: Channel): Voice {
    const { id: transport } = this
    const fd = channel.fd as PipeFd
    return {
      deliver: (delivery) => {
        // Literals: a spread would give each its own hidden class, and V8 a reason to collect.
        if ("data" in delivery) recipient.notify("protocol/pipeDataReceived", { transport, fd, data: delivery.data })
        else {
          const { text, offset } = delivery
          recipient.notify("protocol/pipeDataReceived", { transport, fd, text, offset })
        }
      },
      bytesLost: (from, to) => recipient.notify("protocol/bytesLost", { transport, fd, from, to }),
      // A pipe has one direction: its end is its loss, which follows.
      eof: () => {},
      lost: (error) => {
        recipient.notify("protocol/pipeConnectionLost", { transport, fd, error: lossOf(error, transport) })
        this.#sayExit()
        this.proceed()
      },
    }
  }

  protected override beginning(attachment: Attachment): void {
    for (const channel of this.channels) if (channel.isLost) this.#sayInputLoss(attachment, channel)
  }

  protected override begun(): void {
    this.#sayExit()
  }

  protected override isReadyForLoss(attachment: Attachment): boolean {
    return attachment.exitSaid && attachment.heardAll
  }

  protected override get isOver(): boolean {
    return this.#exitSettled && this.channels.every(({ isLost }) => isLost)
  }

  protected override get lossError(): null {
    return null
  }

  protected override get ending(): Ending {
    return { kind: this.kind, pid: this.process.pid, broken: false }
  }

  #end(signal: NodeJS.Signals): void {
    // First: a terminal that hangs up is a signal too, and a program must not end of that where it is to be killed.
    this.process.signalGroup(signal)
    if (!this.#closing) for (const channel of this.channels) channel.abort()
    this.#closing = true
  }

  #channel({ fd, id, makeStream }: PipeOptions, options: TransportOptions): Channel {
    return new Channel({
      id,
      fd,
      holder: this,
      keeping: keepingOf(options, "dropOldest"),
      marks: WaterMarks.of("pipe", options.writeBufferLimits),
      makeStream,
    })
  }

  #exited(returncode: number, signal: NodeJS.Signals | null): void {
    this.#exit = { returncode, signal }
    this.#lastOutputMs = this.held.clock.nowMs()
    this.#drain()
    setImmediate(() =>
      setImmediate(() => {
        this.#exitSettled = true
        this.#sayExit()
        this.proceed()
      }),
    )
  }

  /** Says the exit to whom it has not been said: at once while it is news, behind the output to who came later. */
  #sayExit(): void {
    if (this.#exit === null || !this.#exitSettled || this.state === "opening") return
    const incomplete = this.channels.some((channel) => channel.fd !== 0 && !channel.isLost)
    for (const attachment of this.attachments) {
      if (attachment.exitSaid || (attachment.cameLate && !attachment.heardAll)) continue
      attachment.exitSaid = true
      attachment.recipient.notify("protocol/processExited", {
        transport: this.id,
        ...this.#exit,
        ...(incomplete && { outputMayBeIncomplete: true }),
      })
    }
  }

  /** Lets go of pipes that stay silent after the exit; one that waits for its client is not silent. */
  #drain(): void {
    const { clock } = this.held
    const drainMs = this.#drainMs
    this.#stopDraining = clock.after(drainMs - (clock.nowMs() - this.#lastOutputMs), () => {
      const held = this.channels.filter((channel) => channel.fd !== 0 && !channel.isLost)
      if (held.some((channel) => !channel.isFlowing)) this.#lastOutputMs = clock.nowMs()
      if (clock.nowMs() - this.#lastOutputMs < drainMs) return this.#drain()
      const message = `another process kept the pipe open for ${drainMs} ms after the exit`
      for (const channel of held)
        channel.letGo(rpcError("TimedOut", message, { operation: "drain", timeoutMs: drainMs }))
    })
  }

  /** Nobody listens to the pipe that is written to, yet its end is told as that of the others. */
  #sayInputLoss({ recipient }: Attachment, channel: Channel): void {
    if (channel.readable) return
    const { id: transport } = this
    const error = lossOf(this.#inputLoss, transport)
    recipient.notify("protocol/pipeConnectionLost", { transport, fd: channel.fd as PipeFd, error })
  }
}
