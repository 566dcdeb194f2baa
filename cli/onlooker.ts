/**
 * Watches a transport of any kind: what comes from a stream or a program's stdout goes to stdout, a program's stderr to
 * stderr. Writes nothing, and ends nothing.
 */
import type { Protocol, SubprocessProtocol, SubprocessTransport, Transport } from "transportd/client"
import { flushed } from "./ending.ts"
import { exitCode, exitCodeOf } from "./exitCodes.ts"
import { tellLost } from "./print.ts"
import type { Description } from "./ref.ts"
import { Drain } from "./relay.ts"

/** A stream has one output; it is counted under the descriptor that it is printed on. */
const STREAM_FD = 1

export class Onlooker implements Protocol, SubprocessProtocol {
  /** Resolves to the exit status once all is printed: a process's own, or 0. Rejects when the transport broke. */
  readonly ended: Promise<number>
  #resolve = (_status: number): void => {}
  #reject = (_error: Error): void => {}
  readonly #drains = new Map<number, Drain>()
  /** What is still to be printed, by descriptor; null: whatever comes. */
  readonly #missingBytes: Map<number, number> | null
  #transport: Transport | SubprocessTransport | null = null

  /** @param missingBytes how many bytes of each output are wanted; by default all, to the end. */
  constructor(missingBytes: Map<number, number> | null = null) {
    this.#missingBytes = missingBytes
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.ended.catch(() => {})
  }

  connectionMade(transport: Transport | SubprocessTransport): void {
    this.#transport = transport
    for (const [fd, sink] of [
      [1, process.stdout],
      [2, process.stderr],
    ] as const) {
      const source = "getPipeTransport" in transport ? transport.getPipeTransport(fd) : transport
      if (source !== null) this.#drains.set(fd, new Drain(sink, source))
    }
    this.#count(STREAM_FD, 0)
  }

  dataReceived(data: Buffer): void {
    this.pipeDataReceived(STREAM_FD, data)
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    const wanted = this.#missingBytes === null ? data : data.subarray(0, Math.max(0, this.#missingBytes.get(fd) ?? 0))
    if (wanted.length > 0) this.#drains.get(fd)?.write(wanted)
    this.#count(fd, data.length)
  }

  bytesLost(from: number, to: number, fd?: number): void {
    tellLost(to - from, fd)
    this.#count(fd ?? STREAM_FD, to - from)
  }

  /** Nothing more comes. Whether it stays half-open is its owner's to say. */
  eofReceived(): boolean {
    this.#end(exitCode("ok"))
    return true
  }

  connectionLost(error: Error | null): void {
    const transport = this.#transport
    const returncode = transport !== null && "getReturncode" in transport ? transport.getReturncode() : null
    if (returncode !== null) this.#end(exitCodeOf(returncode))
    else if (error === null) this.#end(exitCode("ok"))
    else this.#reject(error)
  }

  #count(fd: number, bytes: number): void {
    const missing = this.#missingBytes
    if (missing === null) return
    missing.set(fd, (missing.get(fd) ?? 0) - bytes)
    if ([...missing.values()].every((left) => left <= 0)) this.#end(exitCode("ok"))
  }

  #end(status: number): void {
    void Promise.all([flushed(process.stdout), flushed(process.stderr)]).then(() => this.#resolve(status))
  }
}

/** How much of each output is there to be printed from `start` on, which has what `since` has in a request. */
export function keptBytes(
  { channels }: Description,
  start: number | Readonly<Record<string, number | string>>,
): Map<number, number> {
  return new Map(
    channels
      .filter(({ fd }) => fd !== 0)
      .map(({ fd, retained }) => {
        const from = typeof start === "number" ? start : start[String(fd)]
        return [fd ?? STREAM_FD, retained.to - (typeof from === "number" ? from : retained.from)]
      }),
  )
}
