/**
 * Writes that the system takes in the call, past Node's stream, where that has nothing of its own to write first.
 * Knows neither what the bytes mean nor what becomes of those that the system has no room for.
 *
 * Why: the system copies in the call, so that bytes leave from wherever they lie, and says how many it took; a stream goes
 * on using the memory of what it could not write, and does not say how much that is. Sending pieces of 64 KiB to a remote
 * took the daemon 0.64 s of processor time per GB with a copy for the stream, and 0.55 s without. For small writes a
 * stream is as fast: a round trip of 64 bytes took 3 % more with these.
 */
import { writeSync, writevSync } from "node:fs"
import type { Writable } from "node:stream"

/** Node's handles that write to a descriptor what they are given and nothing around it: TLS is none of them. */
const PLAIN_HANDLES: readonly string[] = ["TCP", "Pipe"]

interface Handle {
  readonly fd: number
}

/** What a socket of Node's has beside what it says. */
interface Inside {
  readonly _handle?: Handle | null
  readonly connecting?: boolean
}

export class DirectWriter {
  readonly #stream: Writable & Inside
  /** What was found to write plainly; null: it does not. */
  #plain: Handle | null | undefined

  /** @param stream any; only for sockets and pipes of the system it makes a difference. */
  constructor(stream: Writable) {
    this.#stream = stream
  }

  /**
   * How much of `first`, and of `second` behind it, the system has taken: 0 while the stream has something to write, is
   * no socket or pipe of the system, or cannot be written to. An error of the system ends the stream, as one of its own
   * writes would: the system says it once.
   * Platform: `_handle` is Node's own, and its `fd` is -1 on Windows.
   */
  write(first: Uint8Array, second?: Uint8Array): number {
    const stream = this.#stream
    const fd = this.#idleDescriptor
    if (fd < 0) return 0
    try {
      return second === undefined ? writeSync(fd, first, 0, first.byteLength) : writevSync(fd, [first, second])
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException
      if (code !== "EAGAIN")
        stream.destroy(Object.assign(new Error(`write ${code}`), { code, errno, syscall: "write" }))
      return 0
    }
  }

  get #idleDescriptor(): number {
    const stream = this.#stream
    const handle = stream._handle
    if (!handle || stream.connecting === true) return -1
    if (!stream.writable || stream.writableLength > 0 || stream.writableCorked > 0) return -1
    if (this.#plain === undefined) this.#plain = PLAIN_HANDLES.includes(handle.constructor.name) ? handle : null
    return this.#plain === handle ? handle.fd : -1
  }
}
