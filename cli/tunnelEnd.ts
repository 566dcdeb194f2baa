/** How a tunnel ended, which it does not say itself. */
import type { Socket } from "node:net"
import { Failure } from "./failure.ts"

/**
 * Whether the other end of `line` is closed, and not merely its sending side: then a write fails.
 * Platform: Linux fails also the write of nothing with EPIPE. Elsewhere a break may pass for an end of file.
 */
export async function isBroken(line: Socket): Promise<boolean> {
  // Where nothing can be written it cannot be told.
  if (line.writableEnded) return false
  if (line.destroyed || line.writableLength > 0) return line.destroyed
  return await new Promise((resolve) => line.write("", (error) => resolve(Boolean(error))))
}

/** Why the transport is lost: from `error`, which answered the question what has become of it. Null: it was closed. */
export async function lossOf(error: Error, line: Socket): Promise<Error | null> {
  // Only its owner can have closed it: somebody else, where this side has not ended.
  if (error.name === "TransportClosed") return line.writableEnded ? null : takenOver("another client", "the connection")
  return ["ConnectionEnded", "ShuttingDown"].includes(error.name) ? await connectionEnded() : error
}

export function takenOver(who: string, what: string): Failure {
  return new Failure("permission", `${who} took over ${what}`)
}

/** What was asked when it ended is no concern of who reads the sentence. */
export async function connectionEnded(): Promise<Error> {
  const { ConnectionEnded } = await import("transportd/client")
  return new ConnectionEnded()
}
