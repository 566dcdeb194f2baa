/** Waits for what a socket is to become, with a limit of time and a way out. Knows nothing of what that is. */
import type { Socket } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import { unheard } from "../transports/stream.ts"

export interface Attempt {
  /** What it waits for: the event that says that it has come about. */
  readonly event: "connect" | "secureConnect"
  readonly timeoutMs: number
  /** Aborted: RequestCancelled. */
  readonly signal: AbortSignal
  timedOut(): Error
  /** An event `error` in the words of the table. */
  failure(error: Error): unknown
}

/** Resolves with `socket` at the event. A failed attempt destroys it, and leaves nothing. */
export function attempt<Kind extends Socket>(
  socket: Kind,
  { event, timeoutMs, signal, timedOut, failure }: Attempt,
): Promise<Kind> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      stop()
      socket.destroy()
      reject(error)
    }
    const onError = (error: Error): void => fail(failure(error))
    const onAbort = (): void => fail(rpcError("RequestCancelled", "the connection attempt was cancelled"))
    const timeout = setTimeout(() => fail(timedOut()), timeoutMs)
    const stop = (): void => {
      clearTimeout(timeout)
      signal.removeEventListener("abort", onAbort)
      socket.off(event, onDone)
    }
    const onDone = (): void => {
      stop()
      // Whoever takes it over has not come to listen yet.
      socket.off("error", onError).on("error", unheard)
      resolve(socket)
    }
    socket.on("error", onError).on(event, onDone)
    signal.addEventListener("abort", onAbort)
    if (signal.aborted) onAbort()
  })
}
