/**
 * What a stream transport reports, recorded and judged while it comes: data* eof? lost, and nothing from inside a
 * method of the transport. Knows nothing of what carries the bytes.
 */
import type { StreamEvents } from "../../daemon/transports/transport.ts"

/** Records events and checks their order while they come. */
export class Recording implements StreamEvents {
  readonly events: string[] = []
  readonly flaws: string[] = []
  readonly chunks: Buffer[] = []
  flushedBytes = 0
  error: Error | null | undefined
  /** How deep the test is inside a method of the transport. */
  inside = 0
  readonly #watchers = new Set<() => void>()

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0)
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }

  data(chunk: Buffer): void {
    this.chunks.push(chunk)
    if (chunk.length === 0) this.flaws.push("empty data")
    if (this.events.includes("eof")) this.flaws.push("data after eof")
    this.#happened("data")
  }

  eof(): void {
    if (this.events.includes("eof")) this.flaws.push("eof twice")
    this.#happened("eof")
  }

  flushed(bytes: number): void {
    this.flushedBytes += bytes
    if (bytes <= 0) this.flaws.push(`flushed ${bytes}`)
    this.#happened("flushed")
  }

  lost(error: Error | null): void {
    this.error = error
    this.#happened("lost")
  }

  /** Calls a method of the transport: nothing may be reported before it returns. */
  call<Result>(action: () => Result): Result {
    this.inside++
    try {
      return action()
    } finally {
      this.inside--
    }
  }

  count(event: string): number {
    return this.events.filter((each) => each === event).length
  }

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

  async untilLost(): Promise<Error | null> {
    await this.until(() => this.error !== undefined)
    return this.error as Error | null
  }

  #happened(event: string): void {
    if (this.inside > 0) this.flaws.push(`${event} from inside a method`)
    if (this.events.includes("lost")) this.flaws.push(`${event} after lost`)
    this.events.push(event)
    for (const watch of this.#watchers) watch()
  }
}
