/** The one-way transports that the pipes of a process are: each half of a stream, with an id of its own. */
import { rpcError } from "../protocol/errors.ts"
import type { Link } from "./link.ts"
import { ReadSide } from "./readSide.ts"
import type { ReadTransport, WriteTransport } from "./transport.ts"
import { WriteSide, type Written } from "./writeSide.ts"

type State = "open" | "closing" | "lost"

/** Where a process wrote to: the pipe's data goes to the process's protocol. */
export class ReadPipe implements ReadTransport {
  readonly id: number
  readonly #read: ReadSide
  readonly #link: Link
  #state: State = "open"

  constructor(id: number, link: Link, take: (chunk: Buffer) => void, offset = 0) {
    this.id = id
    this.#link = link
    const takeAll = (chunk: Buffer): number => {
      take(chunk)
      return chunk.length
    }
    this.#read = new ReadSide(id, link, takeAll, offset)
  }

  /** @internal */
  get reading(): ReadSide {
    return this.#read
  }

  /** @internal */
  get position(): number {
    return this.#read.position
  }

  /** @internal The process is left to others. */
  detach(): void {
    this.#state = "closing"
    this.#read.settle()
    this.#read.stop()
  }

  /** @internal What the user had said of it is said again. */
  resumed(): void {
    if (this.#state === "closing") this.#link.notify("transport/close", { transport: this.id })
    else if (this.#read.isPaused) this.#link.notify("transport/pauseReading", { transport: this.id })
  }

  /** @internal */
  bytesLost(to: number): void {
    this.#read.skipTo(to)
  }

  close(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#read.stop()
    this.#link.notify("transport/close", { transport: this.id })
  }

  isClosing(): boolean {
    return this.#state !== "open"
  }

  getExtraInfo(_name: string, otherwise: unknown = null): unknown {
    return otherwise
  }

  isReading(): boolean {
    return this.#read.isReading
  }

  pauseReading(): void {
    this.#read.pause()
  }

  resumeReading(): void {
    this.#read.resume()
  }

  /** @internal */
  data(chunk: Buffer): void {
    this.#read.data(chunk)
  }

  /** @internal The connection to the daemon is over. */
  cut(): void {
    this.#read.cut()
  }

  /** @internal Runs `action` behind all data; the pipe is over then. */
  lost(action: () => void): void {
    this.#read.after(() => {
      this.#state = "lost"
      this.#read.stop()
      action()
    })
  }
}

/** Where a process reads from. */
export class WritePipe implements WriteTransport {
  readonly id: number
  readonly #link: Link
  readonly #write: WriteSide
  readonly #isTerminal: boolean
  #state: State = "open"

  constructor(
    id: number,
    link: Link,
    { kind, writeWindowBytes }: { readonly kind: string; readonly writeWindowBytes: number },
    events: ConstructorParameters<typeof WriteSide>[3],
    before: Partial<Written> = {},
  ) {
    this.id = id
    this.#link = link
    this.#isTerminal = kind === "pty"
    this.#write = new WriteSide(id, link, { kind: "pipe", writeWindowBytes }, events, before)
  }

  /** @internal */
  get writing(): WriteSide {
    return this.#write
  }

  /** @internal The connection to the daemon is broken, and may come back. */
  suspend(): void {
    this.#write.suspend()
  }

  /** @internal The connection to the daemon is back. */
  resumed(written: number, flushed: number): void {
    this.#write.resume(written, flushed)
  }

  write(data: Uint8Array): void {
    this.#write.write(data)
  }

  writelines(pieces: Iterable<Uint8Array>): void {
    for (const piece of pieces) this.write(piece)
  }

  /** The end of a pipe is its close. Throws NotSupported on a terminal, where Ctrl-D (`"\x04"`) is for its program to see. */
  writeEof(): void {
    if (this.canWriteEof()) return this.close()
    throw rpcError("NotSupported", "a terminal has no end of file", { kind: "pty", operation: "writeEof" })
  }

  canWriteEof(): boolean {
    return !this.#isTerminal
  }

  close(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#write.close()
  }

  abort(): void {
    if (this.#state === "lost") return
    this.#state = "closing"
    this.#write.drop()
    this.#link.notify("transport/abort", { transport: this.id })
  }

  isClosing(): boolean {
    return this.#state !== "open"
  }

  getExtraInfo(_name: string, otherwise: unknown = null): unknown {
    return otherwise
  }

  getWriteBufferSize(): number {
    return this.#write.bufferedBytes
  }

  getWriteBufferLimits(): { lowBytes: number; highBytes: number } {
    const { lowBytes, highBytes } = this.#write.marks
    return { lowBytes, highBytes }
  }

  setWriteBufferLimits({ highBytes, lowBytes }: { highBytes?: number; lowBytes?: number } = {}): void {
    this.#write.setMarks(highBytes, lowBytes)
  }

  /** @internal */
  flushed(offset: number): void {
    this.#write.flushed(offset)
  }

  /** @internal */
  lost(action: () => void): void {
    this.#state = "lost"
    this.#write.drop()
    action()
  }
}
