/** Connects to a TCP server: names, families, time limit. */
import { connect, type Socket } from "node:net"
import type { ParsedParams } from "../../protocol/registry.ts"
import { rpcError } from "../../protocol/errors.ts"
import { openFailure } from "../failures.ts"
import { SHARED_READS } from "../../sockets/reading.ts"
import { attempt } from "./attempt.ts"
import { checkHost, resolveHost, socketLookup } from "./resolve.ts"

type Params = ParsedParams<"loop/createConnection">
export type DialParams = Pick<Params, "family" | "localAddr" | "happyEyeballsDelayMs" | "timeoutMs"> & {
  readonly host: string
  readonly port: number
}

/**
 * A connected socket that has not been read from, `allowHalfOpen` as asyncio needs it.
 * Fails with OsFailure, ResolveFailed or TimedOut; aborted, with RequestCancelled. A failed attempt leaves nothing.
 * Source: asyncio `loop.create_connection`; RFC 8305 for the order of addresses.
 */
export async function dial(params: DialParams, signal: AbortSignal): Promise<Socket> {
  const { host, port, family, localAddr, happyEyeballsDelayMs, timeoutMs } = params
  if (port === 0)
    throw rpcError("OsFailure", "port 0 cannot be connected to", {
      errno: "EADDRNOTAVAIL",
      syscall: "connect",
      address: host,
      port,
    })
  checkHost(host)
  const localAddress = localAddr && (await resolveLocal(localAddr.host, family, signal))
  const socket = connect({
    host,
    port,
    allowHalfOpen: true,
    onread: SHARED_READS,
    lookup: socketLookup(signal),
    ...(family !== undefined && { family }),
    ...(localAddr !== undefined && { localAddress, localPort: localAddr.port }),
    // Node's own default gives a distant first address a quarter of a second before the next is tried for good.
    autoSelectFamilyAttemptTimeout: Math.max(10, Math.ceil(happyEyeballsDelayMs ?? 250)),
  })
  return attempt(socket, {
    event: "connect",
    timeoutMs,
    signal,
    timedOut: () => timedOut(host, port, timeoutMs),
    failure: openFailure,
  })
}

async function resolveLocal(host: string, family: 4 | 6 | undefined, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await resolveHost(host, { family, signal }))[0]
  } catch (error) {
    throw openFailure(error)
  }
}

function timedOut(host: string, port: number, timeoutMs: number): Error {
  const message = `no answer from ${host}:${port} within ${timeoutMs} ms`
  return rpcError("TimedOut", message, { operation: "loop/createConnection", timeoutMs })
}
