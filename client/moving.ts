/** Bytes that move without passing through the user: from one transport to another, from a file to a transport. */
import type { FileHandle } from "node:fs/promises"
import { rpcError, type RpcError } from "../protocol/errors.ts"
import { CHUNK_BYTES } from "../protocol/limits.ts"
import type { Endpoints } from "./endpoints.ts"
import type { Requests } from "./loop.ts"
import type { ReadPipe, WritePipe } from "./pipes.ts"
import { absolutePath } from "./surroundings.ts"
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

export interface SendfileOptions {
  /** Where to begin in the file (default 0). */
  readonly offset?: number
  /** Most bytes to send; absent: up to the end. */
  readonly count?: number
  /** Whether a file that the daemon cannot open itself may be read here and written (default true). */
  readonly fallback?: boolean
  /** Stops it: the remote has a part of the file then. */
  readonly signal?: AbortSignal
}

/** See {@link Loop.sendfile}. */
export async function sendfile(
  requests: Requests,
  transport: Transport | WritePipe,
  file: string | FileHandle,
  { offset = 0, count, fallback = true, signal }: SendfileOptions,
): Promise<number> {
  const { id } = transport
  if (!("writing" in transport)) throw notSupported("datagrams", "it is no stream")
  if (typeof file !== "string" && !fallback) throw notSupported("file", "the daemon opens files by their path alone")
  transport.writing.lend("sendfile")
  // asyncio does the same: what comes meanwhile waits.
  const reading = "reading" in transport && transport.isReading() ? transport : null
  reading?.pauseReading()
  try {
    if (typeof file !== "string") return await sendHandle(file, transport.writing, { offset, count, signal })
    const params = { transport: id, path: absolutePath(file), offset, ...(count !== undefined && { count }) }
    const { sent } = await new Promise<{ sent: number }>((resolve, reject) =>
      transport.writing.between(() => void requests.request("loop/sendfile", params, { signal }).then(resolve, reject)),
    )
    return sent
  } finally {
    transport.writing.giveBack()
    reading?.resumeReading()
  }
}

interface Part {
  readonly offset: number
  readonly count: number | undefined
  readonly signal: AbortSignal | undefined
}

/** A file that is open here: read and written, a window at a time. */
async function sendHandle(file: FileHandle, writing: WriteSide, { offset, count, signal }: Part): Promise<number> {
  checkPart(offset, count)
  let sent = 0
  while (sent < (count ?? Infinity)) {
    await writing.room()
    if (signal?.aborted === true) throw rpcError("RequestCancelled", "sending the file was cancelled")
    const piece = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, (count ?? Infinity) - sent))
    const { bytesRead } = await file.read(piece, 0, piece.length, offset + sent)
    if (bytesRead === 0) break
    writing.put(piece.subarray(0, bytesRead))
    sent += bytesRead
  }
  await writing.room(0)
  return sent
}

/** As the daemon checks them. */
function checkPart(offset: number, count = 1): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(count) && count > 0) return
  throw rpcError("InvalidParams", `offset ${offset} must be 0 or more, and count ${count} 1 or more`)
}

function notSupported(kind: string, why: string): RpcError {
  return rpcError("NotSupported", `sendfile is not supported here: ${why}`, { kind, operation: "sendfile" })
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
