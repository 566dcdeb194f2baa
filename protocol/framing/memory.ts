/**
 * Memory that a socket reads into: what one read cuts off stays where it is, and the next read goes right behind it.
 * So a frame lies in one piece however it was read, and nothing is allocated or copied for that.
 * Knows no socket and no frames: the socket asks where to read to, the reader says what it has read.
 */
import { CHUNK_BYTES } from "../limits.ts"

/** Until a read has filled it: most connections say little, and a hundred of the other size would take 25 MB. */
const FIRST_BYTES = 16 * 1024

/**
 * What one read can take then: more than the kernel's buffer of a Unix socket holds, and four of the largest bodies with
 * their headers, so that little of it is left over where bodies are kept.
 */
const MEMORY_BYTES = 4 * (CHUNK_BYTES + 1024)

/** With less room than this part of it the next read is not worth its system call. */
const LEAST_ROOM = 1 / 4

/**
 * For one socket, made with `onread: readsInto(memory)` (of the client's entry), and the {@link FrameReader} that has it as
 * `memory`: the socket reads to `room()` and emits what `filled(bytes)` gives; all else is between it and the reader.
 */
export class ReadMemory {
  #usualBytes = FIRST_BYTES
  #memory = Buffer.allocUnsafeSlow(FIRST_BYTES)
  /** Between these is what came and was not read. */
  #from = 0
  #to = 0
  /** How many bytes from `#from` on have to lie in one piece. */
  #neededBytes = 0
  /** Whether somebody goes on using what was read. */
  #isKept = false
  readonly #taken: ((bytes: number) => void) | undefined

  /** @param taken called when new memory was taken, of `bytes`, since somebody keeps what was read into the last. */
  constructor(taken?: (bytes: number) => void) {
    this.#taken = taken
  }

  /** Where the next read goes: never empty, and good until it has been {@link filled}. */
  room(): Buffer {
    const unread = this.#to - this.#from
    if (unread === 0 && !this.#isKept && this.#memory.length === this.#usualBytes) this.#from = this.#to = 0
    const restBytes = this.#neededBytes - unread
    // Where a body is kept, new memory costs more than one more read: with this and the size above, a client that took
    // bodies of 64 KiB needed 1.07 s of processor time per GB, and 1.55 s without.
    const isWorthFilling = this.#isKept && restBytes > 0
    const roomBytes = isWorthFilling ? restBytes : Math.max(this.#usualBytes * LEAST_ROOM, restBytes)
    if (this.#memory.length - this.#to < roomBytes) this.#move(unread, Math.max(this.#usualBytes, unread + roomBytes))
    return this.#memory.subarray(this.#to)
  }

  /** What came and could not be read yet; {@link room} may move it. */
  get unread(): Buffer {
    return this.#memory.subarray(this.#from, this.#to)
  }

  /** `bytes` have come into the room. @returns all that came and was not read: it counts as read now. */
  filled(bytes: number): Buffer {
    this.#to += bytes
    if (this.#to === this.#memory.length) this.#usualBytes = MEMORY_BYTES
    const unread = this.#memory.subarray(this.#from, this.#to)
    this.#from = this.#to
    this.#neededBytes = 0
    return unread
  }

  /** But the last `bytes` could not be read, and not before there are `neededBytes` (0: unknown). */
  left(bytes: number, neededBytes: number): void {
    this.#from = this.#to - bytes
    this.#neededBytes = neededBytes
  }

  /** What was read before stays as it is, for whoever has it. */
  keep(): void {
    this.#isKept = true
  }

  #move(unread: number, capacityBytes: number): void {
    const before = this.#memory.subarray(this.#from, this.#to)
    // Slow means: not from the shared pool. Not zeroed, hence not touched: what is announced and never sent costs
    // address space only.
    if (this.#isKept || this.#memory.length !== capacityBytes) {
      this.#memory = Buffer.allocUnsafeSlow(capacityBytes)
      if (this.#isKept) this.#taken?.(capacityBytes)
    }
    before.copy(this.#memory)
    this.#from = 0
    this.#to = unread
    this.#isKept = false
  }
}
