/** A terminal that is drawn on: the alternate screen, keys, sizes; left as it was found, however the command ends. */
import type { ReadStream, WriteStream } from "node:tty"

/** Wrapping is off: a wide character that was counted as one must not move all that is below it. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"

export interface ScreenEvents {
  key(key: string): void
  resized(): void
}

export class Screen {
  readonly #output: WriteStream
  readonly #input: ReadStream
  readonly #leave = (): void => this.leave()
  #entered = false

  constructor(output: WriteStream, input: ReadStream) {
    this.#output = output
    this.#input = input
  }

  get columns(): number {
    return this.#output.columns || 80
  }

  get rows(): number {
    return this.#output.rows || 24
  }

  enter({ key, resized }: ScreenEvents): void {
    this.#entered = true
    // Platform: writes to a terminal are synchronous, so this works while the process ends, too.
    process.on("exit", this.#leave)
    this.#output.write(ENTER)
    this.#output.on("resize", resized)
    if (!this.#input.isTTY) return
    this.#input.setRawMode(true)
    this.#input.setEncoding("utf8")
    this.#input.on("data", (text) => {
      for (const each of String(text)) key(each)
    })
  }

  /** Draws over what was there, without a moment of emptiness. */
  draw(lines: readonly string[]): void {
    // Cleared before it is written: behind a full line it would be its last character that is cleared.
    const rows = lines.map((line, index) => `\x1b[${index + 1}H\x1b[K${line}`)
    if (this.#entered) this.#output.write(`${rows.join("")}${lines.length < this.rows ? "\x1b[E\x1b[J" : ""}`)
  }

  leave(): void {
    if (!this.#entered) return
    this.#entered = false
    process.off("exit", this.#leave)
    this.#output.removeAllListeners("resize")
    this.#output.write(LEAVE)
    if (!this.#input.isTTY) return
    this.#input.setRawMode(false)
    this.#input.pause()
  }
}
