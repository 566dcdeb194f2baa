/**
 * A terminal as its program's parent has it: two one-way streams, what is typed and what is shown, over one descriptor.
 *
 * Theory of operation. Reading ends with EIO once no process has the terminal open, and never before all that was shown
 * has been read; libuv alone would end at the hang-up, and lose what is left. So this file reads by itself. The child's
 * side is held open here until the program has exited: a program may close it for a moment, and that is no end.
 * Everything is read and written in the turn in which it is possible, so nothing is ever on its way in another thread
 * when the descriptor is closed, and its number belongs to somebody else.
 */
import { closeSync, readSync, writeSync } from "node:fs"
import { watch, type Readiness, type Watch } from "../native/readiness.ts"
import { resizeTerminal, type TerminalPair, type TerminalSize } from "../native/terminal.ts"
import type { StreamEvents, StreamTransport } from "./transport.ts"

/** Most that is read or written in one turn, so that others get theirs. */
const TURN_BYTES = 64 * 1024

/** Shared by all: what was read is copied out in the same call. */
const scratch = Buffer.allocUnsafeSlow(TURN_BYTES)

/** One of the two streams. */
interface Face {
  readonly events: StreamEvents
  state: "open" | "closing" | "lost"
}

const nothing = (): void => {}
const ONE_WAY = {
  readable: false,
  writable: false,
  canWriteEof: false,
  wroteEof: false,
  resumeReading: nothing,
  pauseReading: nothing,
  write: nothing,
  writeEof: nothing,
} as const satisfies Partial<StreamTransport>

export class Terminal {
  /** Where processes open it. */
  readonly path: string
  readonly #master: number
  readonly #slave: number
  readonly #watch: Watch
  #size: TerminalSize
  #isOpen = true
  #programRuns = true
  #reading = false
  #input: Face | null = null
  #output: Face | null = null
  /** Typed and not yet taken by the system. */
  #queue: Uint8Array[] = []
  /** Taken by the system since the last report. */
  #flushedBytes = 0

  /** Takes over both descriptors. */
  constructor({ master, slave, path }: TerminalPair, size: TerminalSize) {
    this.path = path
    this.#master = master
    this.#slave = slave
    this.#size = size
    this.#watch = watch(master, (found) => this.#ready(found))
  }

  get size(): TerminalSize {
    return this.#size
  }

  /** The program hears of it by SIGWINCH. Once the terminal is closed: no effect. */
  resize(size: TerminalSize): void {
    if (!this.#isOpen) return
    resizeTerminal(this.#master, size)
    this.#size = size
  }

  /** What is typed. Its close types no more, and tells the program nothing: a terminal has no end of file. */
  input(events: StreamEvents): StreamTransport {
    const face: Face = (this.#input = { events, state: "open" })
    return {
      ...ONE_WAY,
      writable: true,
      get isClosing() {
        return face.state !== "open"
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#closeInput(),
      abort: () => this.#loseInput(null),
    }
  }

  /** What is shown. Its close hangs the terminal up: SIGHUP to the program. */
  output(events: StreamEvents): StreamTransport {
    const face: Face = (this.#output = { events, state: "open" })
    return {
      ...ONE_WAY,
      readable: true,
      get isClosing() {
        return face.state !== "open"
      },
      resumeReading: () => this.#read(true),
      pauseReading: () => this.#read(false),
      close: () => this.hangUp(),
      abort: () => this.hangUp(),
    }
  }

  /** The program has exited: what it showed is still read, to the end that now comes. */
  programEnded(): void {
    if (!this.#programRuns) return
    this.#programRuns = false
    if (this.#isOpen) closeSync(this.#slave)
    this.#loseInput(this.#queue.length > 0 ? brokenPipe() : null)
  }

  /** Closes it. What was typed and is still queued goes nowhere, what was shown and not read is gone. */
  hangUp(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    // Order: nothing may wait for a number that is free to be reused.
    this.#watch.close()
    closeSync(this.#master)
    if (this.#programRuns) closeSync(this.#slave)
    this.#loseInput(null)
    lose(this.#output, null)
  }

  #read(reading: boolean): void {
    this.#reading = reading
    this.#want()
  }

  #want(): void {
    if (this.#isOpen) this.#watch.want({ readable: this.#reading, writable: this.#queue.length > 0 })
  }

  #ready({ readable, writable }: Readiness): void {
    if (writable) this.#flush()
    if (readable && this.#reading) this.#take()
  }

  #take(): void {
    let taken = 0
    let ended = false
    while (taken < TURN_BYTES && !ended) {
      const bytes = attempt(() => readSync(this.#master, scratch, taken, TURN_BYTES - taken, null))
      if (bytes === "later") break
      ended = bytes === "never"
      if (bytes !== "never") taken += bytes
    }
    if (taken > 0) this.#output?.events.data(scratch.subarray(0, taken))
    if (!ended || !this.#isOpen) return
    // Whoever hears of it closes this; until then it would be told again and again.
    this.#read(false)
    this.#output?.events.eof()
  }

  #write(chunk: Uint8Array): void {
    if (this.#input?.state !== "open" || chunk.byteLength === 0) return
    this.#queue.push(Buffer.from(chunk))
    if (this.#queue.length === 1) this.#flush()
  }

  #flush(): void {
    let written = 0
    while (this.#queue[0] !== undefined && written < TURN_BYTES) {
      const next = this.#queue[0]
      const bytes = attempt(() => writeSync(this.#master, next, 0, Math.min(next.byteLength, TURN_BYTES)))
      if (bytes === "later") break
      if (bytes === "never") return this.#loseInput(brokenPipe())
      written += bytes
      if (bytes === next.byteLength) this.#queue.shift()
      else this.#queue[0] = next.subarray(bytes)
    }
    this.#report(written)
    if (this.#queue.length === 0 && this.#input?.state === "closing") this.#loseInput(null)
    else this.#want()
  }

  #report(bytes: number): void {
    if (bytes === 0) return
    // Never from inside `write()`: its caller is not prepared for it.
    if (this.#flushedBytes === 0) process.nextTick(() => this.#reportNow())
    this.#flushedBytes += bytes
  }

  #reportNow(): void {
    const bytes = this.#flushedBytes
    this.#flushedBytes = 0
    this.#input?.events.flushed(bytes)
  }

  #closeInput(): void {
    if (this.#input?.state !== "open") return
    this.#input.state = "closing"
    if (this.#queue.length === 0) this.#loseInput(null)
  }

  #loseInput(error: Error | null): void {
    this.#queue = []
    this.#want()
    lose(this.#input, error)
  }
}

/** Said in the next tick, behind what was flushed: who closes a stream is not prepared for it at once. */
function lose(face: Face | null, error: Error | null): void {
  if (face === null || face.state === "lost") return
  face.state = "lost"
  process.nextTick(() => face.events.lost(error))
}

/** What a call that never waits has done: bytes, nothing yet, or nothing ever again since no process has the terminal. */
function attempt(call: () => number): number | "later" | "never" {
  try {
    return call()
  } catch (error) {
    // EIO, as a rule. Any other error ends it just as well: a terminal that cannot be read is gone.
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? "later" : "never"
  }
}

function brokenPipe(): Error {
  return Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" })
}
