/**
 * A connected pair of streams in memory: runs the whole contract suite, and stands in for sockets in unit tests.
 * Behaves as two sockets do: bounded, half-closable, and over for both once either end is destroyed.
 * Why not `stream.duplexPair`: there an end is flushed only when the other one reads, and a destroyed one is not noticed.
 */
import { Duplex } from "node:stream"

/** Two ends: what one writes the other reads. */
export function memoryPair(): [Duplex, Duplex] {
  const one = new End()
  const other = new End()
  one.remote = other
  other.remote = one
  return [one, other]
}

type Done = (error?: Error | null) => void

class End extends Duplex {
  remote!: End
  /** What the remote does as soon as this end has room again. */
  #blocked: (() => void) | null = null
  #ended = false

  constructor() {
    super({ allowHalfOpen: true })
  }

  override _read(): void {
    this.#unblock()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    // A new turn: a socket does not deliver from inside a write either.
    setImmediate(() => this.#pass(chunk, done))
  }

  override _final(done: Done): void {
    this.remote.#end()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    setImmediate(() => this.remote.#end())
    this.#unblock()
    done(error)
  }

  #pass(chunk: Buffer, done: Done): void {
    const { remote } = this
    if (remote.destroyed) return done(Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" }))
    // A copy, as the kernel makes one: who has written it uses its memory again.
    if (remote.push(Buffer.from(chunk))) done()
    else remote.#blocked = done
  }

  #end(): void {
    if (this.#ended || this.destroyed) return
    this.#ended = true
    this.push(null)
  }

  #unblock(): void {
    const go = this.#blocked
    this.#blocked = null
    go?.()
  }
}
