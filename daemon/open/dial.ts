/** Connects to a TCP server: names, families, time limit. */
import { connect, type Socket } from "node:net"
import type { ParsedParams } from "../../protocol/registry.ts"
import { rpcError } from "../../protocol/errors.ts"
import { openFailure } from "../failures.ts"

export type DialParams = Omit<ParsedParams<"loop/createConnection">, "options">

/** A name that no resolver can know: found before it costs a look-up. */
const MAX_HOST_BYTES = 253

/**
 * A connected socket that has not been read from, `allowHalfOpen` as asyncio needs it.
 * Fails with OsFailure, ResolveFailed or TimedOut; aborted, with RequestCancelled. A failed attempt leaves nothing.
 * Source: asyncio `loop.create_connection`; RFC 8305 for the order of addresses.
 */
export function dial(params: DialParams, signal: AbortSignal): Promise<Socket> {
  const { host, port, family, localAddr, happyEyeballsDelayMs, timeoutMs } = params
  if (port === 0)
    throw rpcError("OsFailure", "port 0 cannot be connected to", {
      errno: "EADDRNOTAVAIL",
      syscall: "connect",
      address: host,
      port,
    })
  if (host.includes("\0") || host.length > MAX_HOST_BYTES) {
    throw rpcError("ResolveFailed", "the host is no name and no address", { host, reason: "EINVAL" })
  }
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      ...(family !== undefined && { family }),
      ...(localAddr !== undefined && { localAddress: localAddr.host, localPort: localAddr.port }),
      // Node's own default gives a distant first address a quarter of a second before the next is tried for good.
      autoSelectFamilyAttemptTimeout: Math.max(10, Math.ceil(happyEyeballsDelayMs ?? 250)),
    })
    const fail = (error: unknown): void => {
      stop()
      socket.destroy()
      reject(error)
    }
    const timeout = setTimeout(() => fail(timedOut(host, port, timeoutMs)), timeoutMs)
    const onError = (error: Error): void => fail(openFailure(error))
    const onAbort = (): void => fail(rpcError("RequestCancelled", "the connection attempt was cancelled"))
    const stop = (): void => {
      clearTimeout(timeout)
      signal.removeEventListener("abort", onAbort)
      socket.off("connect", onConnect)
    }
    const onConnect = (): void => {
      stop()
      socket.off("error", onError)
      resolve(socket)
    }
    socket.on("error", onError)
    socket.on("connect", onConnect)
    signal.addEventListener("abort", onAbort)
    if (signal.aborted) onAbort()
  })
}

function timedOut(host: string, port: number, timeoutMs: number): Error {
  const message = `no answer from ${host}:${port} within ${timeoutMs} ms`
  return rpcError("TimedOut", message, { operation: "loop/createConnection", timeoutMs })
}
