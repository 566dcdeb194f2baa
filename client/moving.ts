/** Bytes that move without passing through the client: from one transport to another. */
import { rpcError, type RpcError } from "../protocol/errors.ts"
import type { Endpoints } from "./endpoints.ts"
import type { Requests } from "./loop.ts"
import type { ReadPipe, WritePipe } from "./pipes.ts"
import type { Transport } from "./transport.ts"
import type { WriteSide } from "./writeSide.ts"

/** How one direction of a splice ended. */
export interface Spliced {
  /** What went through. */
  readonly bytes: number
  /** What broke, on whichever side; null after an end of file and a close. */
  readonly error: RpcError | null
}

/** There, and back where both were asked for. */
export type Directions = [Spliced, ...Spliced[]]

interface Way {
  readonly from: Transport | ReadPipe
  readonly to: Transport | WritePipe
}

/** See {@link Loop.splice}. */
export async function splice(
  requests: Requests,
  endpoints: Endpoints,
  { from, to }: Way,
  both: boolean,
): Promise<Directions> {
  const ways = both ? [{ from, to }, reversed(from, to)] : [{ from, to }]
  for (const [index, way] of ways.entries()) {
    try {
      way.to.writing.lend("splice")
    } catch (error) {
      for (const lent of ways.slice(0, index)) lent.to.writing.giveBack()
      throw error
    }
  }
  const wasReading = ways.map((way) => way.from.isReading())
  try {
    // Once this is answered, all that was sent to us is here: the daemon begins right behind it.
    for (const way of ways) way.from.pauseReading()
    await Promise.all(ways.map((way) => requests.request("transport/isReading", { transport: way.from.id })))
    const held = ways.map((way) => putAll(way.from.reading.divert(), way.to.writing))
    const ends = ways.map((way) => endpoints.spliced(way.from.id))
    await behindWrites(ways, () => requests.request("transport/splice", { from: from.id, to: to.id, both })).catch(
      (error: Error) => {
        for (const way of ways) endpoints.notSpliced(way.from.id)
        throw error
      },
    )
    for (const way of ways) way.from.resumeReading()
    const ended = await Promise.all(ends)
    for (const way of ways) way.to.writing.ended()
    return ended.map(({ bytes, error }, index) => ({ bytes: bytes + (held[index] ?? 0), error })) as Directions
  } catch (error) {
    for (const [index, way] of ways.entries()) {
      way.to.writing.giveBack()
      if (wasReading[index] === true) way.from.resumeReading()
    }
    throw error
  }
}

/** The number of bytes. */
function putAll(chunks: readonly Buffer[], writing: WriteSide): number {
  for (const chunk of chunks) writing.put(chunk)
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

/** Calls `ask` when all that was written so far is with the daemon. */
function behindWrites<Answer>(ways: readonly Way[], ask: () => Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let missing = ways.length
    const written = (): void => {
      missing--
      if (missing === 0) ask().then(resolve, reject)
    }
    for (const { to } of ways) to.writing.between(written)
  })
}

function reversed(from: Way["from"], to: Way["to"]): Way {
  if ("writing" in from && "reading" in to) return { from: to, to: from }
  throw rpcError("NotSupported", "a pipe has one direction", { kind: "pipe", operation: "splice" })
}
