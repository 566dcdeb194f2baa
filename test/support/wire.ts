/**
 * Two connected ends in memory that cut what passes through them into pieces at random: no test may rely on a message
 * arriving in one piece. Behaves as a pair of sockets: bounded, half-closable, and cut when either end is destroyed.
 */
import { Duplex } from "node:stream"
import type { Random } from "./random.ts"

/** What one end writes the other reads, in the same order and cut anywhere. */
export function wirePair(random: Random): [WireEnd, WireEnd] {
  const one = new WireEnd(random)
  const other = new WireEnd(random)
  one.remote = other
  other.remote = one
  return [one, other]
}

/** One end of a wire. */
export class WireEnd extends Duplex {
  remote!: WireEnd
  readonly #random: Random
  /** What the remote wants to go on with once this end is read again. */
  #blocked: (() => void) | null = null
  #ended = false

  constructor(random: Random) {
    super({ allowHalfOpen: true, emitClose: true, autoDestroy: true })
    this.#random = random
  }

  override _read(): void {
    const go = this.#blocked
    this.#blocked = null
    go?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Never at once: a real socket does not deliver from inside a write either, and Node loses what is written then.
    setImmediate(() => this.#pass(chunk, done))
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const bytes = Buffer.concat(chunks.map(({ chunk }) => chunk))
    setImmediate(() => this.#pass(bytes, done))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.remote.#end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.remote.#end()
    this.#blocked?.()
    done(error)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.destroyed) this.push(null)
  }

  #pass(bytes: Buffer, done: (error?: Error | null) => void): void {
    // What this end had not passed on goes with it.
    if (this.destroyed) return done()
    if (this.remote.destroyed) return done(Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" }))
    if (bytes.length === 0) return done()
    const size = this.#pieceBytes(bytes.length)
    // A copy: what arrives shares no memory with what was sent, as over a real socket.
    const more = this.remote.push(Buffer.from(bytes.subarray(0, size)))
    const rest = (): void => this.#pass(bytes.subarray(size), done)
    if (more) setImmediate(rest)
    else this.remote.#blocked = rest
  }

  #pieceBytes(available: number): number {
    const kind = this.#random()
    const most = kind < 0.2 ? 7 : kind < 0.4 ? 200 : kind < 0.6 ? 20_000 : 65_536
    return Math.min(available, 1 + Math.floor(this.#random() * most))
  }
}
