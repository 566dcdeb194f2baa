/**
 * Joins a process in the daemon to this process's stdin, stdout and stderr, with back-pressure on each; one with a
 * terminal gets the terminal of this process, where there is one.
 */
import type { SubprocessProtocol, SubprocessTransport } from "transportd/client"
import { flushed } from "./ending.ts"
import { exitCode } from "./exitCodes.ts"
import { Failure } from "./failure.ts"
import { keyboard, lendTerminal } from "./localTerminal.ts"
import { tell, tellLost } from "./print.ts"
import { Drain, Feed } from "./relay.ts"

export class ProgramRelay implements SubprocessProtocol {
  /** Resolves to asyncio's returncode, once all output was handed on; rejects when the daemon was lost. */
  readonly ended: Promise<number>
  /** Resolves to the exit status when the key was typed that leaves the program; never for one that cannot be left. */
  readonly left: Promise<number>
  #resolve = (_returncode: number): void => {}
  #reject = (_error: Error): void => {}
  #transport: SubprocessTransport | null = null
  #feed: Feed | null = null
  #drains = new Map<number, Drain>()
  #signalsBefore: NodeJS.Signals[] = []
  #isOver = false
  #takeBack = (): void => {}
  readonly #leave: (() => void) | undefined

  /** @param canLeave whether it goes on without us. */
  constructor({ canLeave = false } = {}) {
    let left = (_status: number): void => {}
    this.left = new Promise((resolve) => (left = resolve))
    if (canLeave) this.#leave = () => (this.#takeBack(), left(exitCode("ok")))
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Who never comes to wait for it has failed elsewhere.
    this.ended.catch(() => {})
  }

  /** Passes a signal on; one that comes before the program runs, as soon as it does, one that comes after it never. */
  signal(signal: NodeJS.Signals): void {
    if (this.#isOver) return
    if (this.#transport === null) this.#signalsBefore.push(signal)
    else this.#transport.sendSignal(signal)
  }

  connectionMade(transport: SubprocessTransport): void {
    this.#transport = transport
    for (const signal of this.#signalsBefore) transport.sendSignal(signal)
    const stdin = transport.getPipeTransport(0)
    const hasTerminal = transport.getExtraInfo("pty") !== null
    if (hasTerminal && this.#leave !== undefined && process.stdin.isTTY) tell("Ctrl-\\ leaves it running")
    if (hasTerminal) this.#takeBack = lendTerminal(transport)
    if (stdin !== null) this.#feed = new Feed(process.stdin, hasTerminal ? keyboard(stdin, this.#leave) : stdin)
    for (const [fd, sink] of [
      [1, process.stdout],
      [2, process.stderr],
    ] as const) {
      const pipe = transport.getPipeTransport(fd)
      // A reader that has gone is the program's to notice: its pipe breaks, as it would without us.
      if (pipe !== null) this.#drains.set(fd, new Drain(sink, pipe, () => pipe.close()))
    }
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    this.#drains.get(fd)?.write(data)
  }

  bytesLost(from: number, to: number, fd: number): void {
    tellLost(to - from, fd)
  }

  pipeConnectionLost(fd: number): void {
    // The program closed its stdin: what is still read for it is nobody's.
    if (fd === 0) this.#feed?.stop()
  }

  pauseWriting(): void {
    this.#feed?.pause()
  }

  resumeWriting(): void {
    this.#feed?.resume()
  }

  connectionLost(error: Error | null): void {
    this.#isOver = true
    this.#feed?.stop()
    this.#takeBack()
    const returncode = this.#transport?.getReturncode() ?? null
    if (returncode === null) return this.#reject(error ?? new Failure("daemonTrouble", "the daemon lost the program"))
    void Promise.all([flushed(process.stdout), flushed(process.stderr)]).then(() => this.#resolve(returncode))
  }
}
