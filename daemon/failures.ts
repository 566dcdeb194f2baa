/**
 * What Node says, in the words of the error table: one place, so that the same failure reads the same everywhere.
 * An error that a client can cause must not end up as InternalError.
 */
import { RpcError, rpcError, type WireError } from "../protocol/errors.ts"

/** The fields that Node puts on a system error. */
interface SystemError extends Error {
  readonly code: string
  readonly syscall?: string
  readonly address?: string
  readonly port?: number
  readonly path?: string
  readonly hostname?: string
}

/** Whether `error` came from the system, not from a mistake in our code. */
export function isSystemError(error: unknown): error is SystemError {
  const code = (error as { code?: unknown } | null)?.code
  return error instanceof Error && typeof code === "string" && /^E(AI_)?[A-Z0-9]+$/.test(code)
}

/** A failure to open something. What is not the system's doing is passed on as it is. */
export function openFailure(error: unknown): unknown {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  if (first instanceof RpcError || !isSystemError(first)) return first
  if (first.syscall === "getaddrinfo") {
    const host = first.hostname ?? ""
    return rpcError("ResolveFailed", `the name ${host} has no address (${first.code})`, { host, reason: first.code })
  }
  return osFailure(first)
}

/** The system refused `error.syscall`. */
export function osFailure(error: SystemError): RpcError {
  const { code: errno, syscall = "unknown", address, port, path } = error
  const target = path ?? (port === undefined ? address : `${address}:${port}`)
  return rpcError("OsFailure", `${syscall}${target === undefined ? "" : ` ${target}`}: ${errno}`, {
    errno,
    syscall,
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
    ...(path !== undefined && { path }),
  })
}

/** Why a datagram did not go out, or was refused. */
export function sendFailure(error: Error): RpcError {
  const failure = openFailure(error)
  return failure instanceof RpcError ? failure : rpcError("OsFailure", error.message, { syscall: "send" })
}

/** Why an open transport ended, for `connectionLost`: null when it ended in peace. */
export function lossOf(error: Error | null, transport: number): WireError | null {
  if (error === null) return null
  if (error instanceof RpcError) return error.toWire()
  const { code, syscall } = error as NodeJS.ErrnoException
  const writing = isWriteFailure(error) ? { syscall } : {}
  if (isTlsFault(code)) {
    const message = `the remote broke the TLS session: ${error.message}`
    return rpcError("TransportBroken", message, { transport, reason: code, ...writing }).toWire()
  }
  const { data, ...broken } = brokenTransport(transport, isSystemError(error) ? error.code : undefined).toWire()
  return { ...broken, data: { ...data, ...writing } }
}

/** Whether it was writing that failed: noticed also while nothing is read. */
export function isWriteFailure(error: Error | null): boolean {
  return error !== null && (error as NodeJS.ErrnoException).syscall === "write"
}

/** Why no TLS session came about, where the certificate is not to blame. */
export function handshakeFailure(error: Error): RpcError {
  const { code = error.message } = error as NodeJS.ErrnoException
  return rpcError("TlsHandshakeFailed", `the TLS handshake failed: ${error.message}`, { reason: code })
}

/** Whether a code is one of OpenSSL's, as Node spells them. */
function isTlsFault(code: string | undefined): boolean {
  return code !== undefined && /^ERR_(SSL|TLS|OSSL)_/.test(code)
}

/** The remote or the network ended it. */
export function brokenTransport(transport: number, errno?: string): RpcError {
  const reason = errno === undefined ? "" : `: ${errno}`
  return rpcError("TransportBroken", `the remote ended the transport${reason}`, {
    transport,
    ...(errno !== undefined && { errno }),
  })
}

/** This side ended it. */
export function closedTransport(transport: number): RpcError {
  return rpcError("TransportClosed", `transport ${transport} is closed`, { transport })
}
