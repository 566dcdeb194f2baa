/**
 * What the tests of the client library start with: a daemon in this process, a client over a wire in memory, and
 * protocol objects that write down what they hear. After each test every protocol's callbacks must have kept the
 * grammar, and nothing may be left over.
 */
import { expect } from "vitest"
import {
  connect,
  type BufferedProtocol,
  type Client,
  type Protocol,
  type SubprocessProtocol,
  type SubprocessTransport,
  type Transport,
} from "transportd/client"
import type { Daemon } from "transportd/daemon"
import { setup, type Harness } from "../support/setup.ts"
import { wirePair, type WireEnd } from "../support/wire.ts"

export interface Report {
  readonly error: unknown
  readonly where: string
}

/** A client library's connection, and both ends of what is below it. */
export interface Library {
  readonly client: Client
  readonly daemon: Daemon
  /** What callbacks threw. */
  readonly reports: Report[]
  readonly wire: WireEnd
}

export interface LibraryHarness extends Harness {
  startLibrary(options?: { readonly byteMessages?: boolean }): Promise<Library>
}

export function setupLibrary(): LibraryHarness {
  const harness = setup()
  return {
    ...harness,
    async startLibrary({ byteMessages = true } = {}) {
      const { daemon } = await harness.startDaemon()
      const [wire, far] = wirePair(() => harness.random())
      daemon.serve(far, far)
      const reports: Report[] = []
      const client = await connect({
        streams: { input: wire, output: wire },
        byteMessages,
        exceptionHandler: (error, where) => reports.push({ error, where }),
      })
      harness.cleanup(() => {
        client.destroy()
        const flaws = recordings.splice(0).flatMap((recording) => recording.flaws())
        expect(flaws).toEqual([])
      })
      return { client, daemon, reports, wire }
    },
  }
}

/** All that record in the running test. */
const recordings: Recording[] = []

/** What one protocol object heard, in order, and a way to wait for it. */
export class Recording {
  /** One word for each callback. */
  readonly events: string[] = []
  readonly #grammar: RegExp
  readonly #watchers = new Set<() => void>()

  constructor(grammar: RegExp) {
    this.#grammar = grammar
    recordings.push(this)
  }

  hear(event: string): void {
    this.events.push(event)
    for (const watch of this.#watchers) watch()
  }

  count(event: string): number {
    return this.events.filter((each) => each === event).length
  }

  /** Resolves as soon as `look` says true; looks again at each callback. */
  until(look: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!look()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
      watch()
    })
  }

  heard(event: string): Promise<void> {
    return this.until(() => this.events.includes(event))
  }

  flaws(): string[] {
    const flow = this.events.filter((event) => /^(pause|resume)$/.test(event)).join(" ")
    const rest = this.events.filter((event) => !/^(pause|resume)$/.test(event)).join(" ")
    return [
      ...(this.#grammar.test(rest) ? [] : [`the callbacks were: ${rest}`]),
      ...(/^((pause resume ?)*(pause)?)?$/.test(flow) ? [] : [`pause and resume do not alternate: ${flow}`]),
    ]
  }
}

/** A streaming protocol that records; `hooks` are called afterwards, and answer for it. */
export class Recorder implements Protocol {
  readonly recording = new Recording(/^(made( data)*( eof)?( lost)?)?$/)
  readonly chunks: Buffer[] = []
  /** What `connectionLost` told; undefined before. */
  error: Error | null | undefined
  transport: Transport | null = null
  readonly #hooks: Protocol

  constructor(hooks: Protocol = {}) {
    this.#hooks = hooks
  }

  get data(): Buffer {
    return Buffer.concat(this.chunks)
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0)
  }

  connectionMade(transport: Transport): void {
    this.transport = transport
    this.recording.hear("made")
    this.#hooks.connectionMade?.(transport)
  }

  dataReceived(data: Buffer): void {
    this.chunks.push(data)
    this.recording.hear("data")
    this.#hooks.dataReceived?.(data)
  }

  eofReceived(): unknown {
    this.recording.hear("eof")
    return this.#hooks.eofReceived?.()
  }

  connectionLost(error: Error | null): void {
    this.error = error
    this.recording.hear("lost")
    this.#hooks.connectionLost?.(error)
  }

  pauseWriting(): void {
    this.recording.hear("pause")
    this.#hooks.pauseWriting?.()
  }

  resumeWriting(): void {
    this.recording.hear("resume")
    this.#hooks.resumeWriting?.()
  }

  /** Resolves when `bytes` have come in all. */
  received(bytes: number): Promise<void> {
    return this.recording.until(() => this.bytes >= bytes)
  }

  async lost(): Promise<Error | null> {
    await this.recording.heard("lost")
    return this.error ?? null
  }
}

/** A buffered protocol that records what was filled: each event is `get` or the number of bytes. */
export class BufferedRecorder implements BufferedProtocol {
  readonly recording = new Recording(/^made( get( \d+)?)*( eof)?( lost)?$/)
  readonly filled: Buffer[] = []
  error: Error | null | undefined
  transport: Transport | null = null
  #buffer: Uint8Array = Buffer.alloc(0)
  readonly #makeBuffer: (sizeHint: number) => Uint8Array
  readonly #updated: (bytes: number) => void

  constructor(makeBuffer: (sizeHint: number) => Uint8Array, updated: (bytes: number) => void = () => {}) {
    this.#makeBuffer = makeBuffer
    this.#updated = updated
  }

  get data(): Buffer {
    return Buffer.concat(this.filled)
  }

  /** The sizes of the pieces. */
  get sizes(): number[] {
    return this.filled.map(({ length }) => length)
  }

  connectionMade(transport: Transport): void {
    this.transport = transport
    this.recording.hear("made")
  }

  getBuffer(sizeHint: number): Uint8Array {
    this.recording.hear("get")
    this.#buffer = this.#makeBuffer(sizeHint)
    return this.#buffer
  }

  bufferUpdated(bytes: number): void {
    this.filled.push(Buffer.from(this.#buffer.subarray(0, bytes)))
    this.recording.hear(String(bytes))
    this.#updated(bytes)
  }

  eofReceived(): void {
    this.recording.hear("eof")
  }

  connectionLost(error: Error | null): void {
    this.error = error
    this.recording.hear("lost")
  }

  received(bytes: number): Promise<void> {
    return this.recording.until(() => this.data.length >= bytes)
  }
}

/** A subprocess protocol that records: `data 1`, `end 1`, `exited`, … */
export class ProcessRecorder implements SubprocessProtocol {
  readonly recording = new Recording(/^(made( data \d| end \d| exited)*( lost)?)?$/)
  readonly outputs = new Map<number, Buffer[]>()
  readonly pipeErrors = new Map<number, Error | null>()
  error: Error | null | undefined
  transport: SubprocessTransport | null = null
  readonly #hooks: SubprocessProtocol

  constructor(hooks: SubprocessProtocol = {}) {
    this.#hooks = hooks
  }

  output(fd: number): string {
    return Buffer.concat(this.outputs.get(fd) ?? []).toString()
  }

  connectionMade(transport: SubprocessTransport): void {
    this.transport = transport
    this.recording.hear("made")
    this.#hooks.connectionMade?.(transport)
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    this.outputs.set(fd, [...(this.outputs.get(fd) ?? []), data])
    this.recording.hear(`data ${fd}`)
    this.#hooks.pipeDataReceived?.(fd, data)
  }

  pipeConnectionLost(fd: number, error: Error | null): void {
    this.pipeErrors.set(fd, error)
    this.recording.hear(`end ${fd}`)
  }

  processExited(): void {
    this.recording.hear("exited")
    this.#hooks.processExited?.()
  }

  connectionLost(error: Error | null): void {
    this.error = error
    this.recording.hear("lost")
  }

  pauseWriting(): void {
    this.recording.hear("pause")
  }

  resumeWriting(): void {
    this.recording.hear("resume")
  }

  async lost(): Promise<Error | null> {
    await this.recording.heard("lost")
    return this.error ?? null
  }
}

/** A round trip: all that the daemon said before its answer has been heard, and all that was sent before was done. */
export async function barrier(client: Client): Promise<void> {
  await client.request("daemon/info", {})
}
