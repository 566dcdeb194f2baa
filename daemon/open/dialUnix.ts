/** Connects to a Unix socket. */
import { connect, type Socket } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { isSystemError, osFailure } from "../failures.ts"
import { SHARED_READS } from "../../sockets/reading.ts"
import { attempt } from "./attempt.ts"
import { checkClientSocketPath } from "./socketPath.ts"

export type DialUnixParams = Pick<ParsedParams<"loop/createUnixConnection">, "timeoutMs"> & { readonly path: string }

/**
 * A connected socket that has not been read from.
 * Fails with OsFailure (ENOENT, ECONNREFUSED, EACCES, …) or TimedOut; aborted, with RequestCancelled; for a path that
 * cannot be one, with what `checkClientSocketPath` throws. A failed attempt leaves nothing.
 * Source: asyncio `loop.create_unix_connection`.
 */
export async function dialUnix({ path, timeoutMs }: DialUnixParams, signal: AbortSignal): Promise<Socket> {
  checkClientSocketPath(path)
  return attempt(connect({ path, allowHalfOpen: true, onread: SHARED_READS }), {
    event: "connect",
    timeoutMs,
    signal,
    timedOut: () => {
      const message = `no answer from ${path} within ${timeoutMs} ms`
      return rpcError("TimedOut", message, { operation: "loop/createUnixConnection", timeoutMs })
    },
    failure: (error) => unixFailure(error, path),
  })
}

/** Platform: Node says where the path belongs only sometimes, and then calls it an address. */
export function unixFailure(error: unknown, path: string): unknown {
  if (!isSystemError(error)) return error
  const { code, syscall = "unknown" } = error
  return osFailure(Object.assign(new Error(error.message), { code, syscall, path }))
}
