/** Clients to a stream: what `Intake` counts, and the bytes themselves, each accepted once. */
import { rpcError } from "../../protocol/errors.ts"
import type { WaterMarks } from "../../protocol/waterMarks.ts"
import type { StreamTransport } from "../transports/transport.ts"
import { Intake } from "./intake.ts"

export class Inlet extends Intake {
  readonly #stream: () => StreamTransport

  /** @param stream where bytes go: asked each time, for it may be exchanged under an open transport. */
  constructor(stream: () => StreamTransport, marks: WaterMarks) {
    super(marks)
    this.#stream = stream
  }

  /**
   * Takes bytes from the client. With `offset`, what was taken before is skipped; a gap is InvalidParams.
   * Throws WindowExceeded as {@link Intake.take} does.
   */
  write(data: Uint8Array, offset = this.written): void {
    if (offset > this.written) {
      throw rpcError("InvalidParams", `offset ${offset} leaves a gap: ${this.written} bytes were written so far`)
    }
    const fresh = data.subarray(this.written - offset)
    if (fresh.byteLength === 0) return
    this.take(fresh.byteLength)
    this.#stream().write(fresh)
  }
}
