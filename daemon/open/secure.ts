/**
 * Handshakes: makes TLS sessions of connected sockets, on either side. A session that comes out of here is as safe as
 * was asked for; where that is not possible there is an error, and never plain text.
 *
 * Theory of operation. On the client side one `tls.connect` makes one session. On the server side a `tls.Server` that
 * listens nowhere is handed sockets one by one, and says of each session whose socket it was made of.
 */
import { X509Certificate } from "node:crypto"
import { isIP, type Socket } from "node:net"
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server,
} from "node:tls"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import { handshakeFailure } from "../failures.ts"
import { subjectOf } from "../transports/certificate.ts"
import { unheard, type RemoteEnd } from "../transports/stream.ts"
import { tlsExtra, tlsTransport, type TlsView } from "../transports/tls.ts"
import { attempt } from "./attempt.ts"
import type { Line } from "./line.ts"
import { contextOptions, type TlsOptions } from "./tlsContext.ts"

type After = RemoteEnd["after"]

/** One side of TLS with its options, ready to make sessions. */
export interface Security {
  /**
   * Makes a session of `line`. Fails with TlsHandshakeFailed, CertificateRejected or TimedOut; aborted, with
   * RequestCancelled; the socket is destroyed then.
   */
  secure(line: Line, signal: AbortSignal, after: After): Promise<Line>
}

/**
 * The client side.
 * @param serverHostname the name to ask for and to look for in the certificate; empty for none.
 * Fails as `contextOptions` does. Source: asyncio `loop.create_connection`, `ssl` and `server_hostname`.
 */
export async function clientSecurity(options: TlsOptions, serverHostname: string): Promise<Security> {
  const secureContext = createSecureContext(await contextOptions(options, false))
  const { verify, alpn } = options
  const view = { serverSide: false, verify, requestCert: false, serverHostname }
  return {
    secure: async (line, signal, after) => {
      const socket = connect({
        socket: line.socket,
        secureContext,
        rejectUnauthorized: verify,
        // A literal address cannot be asked for (RFC 6066 §3), only be looked for.
        servername: isIP(serverHostname) === 0 ? serverHostname : "",
        checkServerIdentity: (_host, certificate) =>
          serverHostname === "" ? undefined : checkServerIdentity(serverHostname, certificate),
        ...(alpn !== undefined && { ALPNProtocols: alpn }),
      })
      return sessionLine(line, await shake(socket, options, signal), options, view, after)
    },
  }
}

/** The server side. Fails as `contextOptions` does. Source: asyncio `loop.create_server`, `ssl`. */
export async function serverSecurity(options: TlsOptions): Promise<Security> {
  const handshakes = new ServerHandshakes(options, await contextOptions(options, true))
  const { verify, requestCert } = options
  const view = { serverSide: true, verify, requestCert, serverHostname: null }
  return {
    secure: async (line, signal, after) =>
      sessionLine(line, await handshakes.shake(line.socket, signal), options, view, after),
  }
}

function sessionLine(line: Line, socket: TLSSocket, options: TlsOptions, view: TlsView, after: After): Line {
  return {
    socket,
    kind: "tls",
    extra: { ...line.extra, ...tlsExtra(socket, view) },
    makeStream: (events) => tlsTransport(socket, events, { timeoutMs: options.shutdownTimeoutMs, after }),
  }
}

function shake(socket: TLSSocket, { handshakeTimeoutMs }: TlsOptions, signal: AbortSignal): Promise<TLSSocket> {
  return attempt(socket, {
    event: "secureConnect",
    timeoutMs: handshakeTimeoutMs,
    signal,
    timedOut: () => timedOut(handshakeTimeoutMs),
    failure: (error) => clientFailure(socket, error),
  })
}

/** Node keeps the certificate's fault apart from all others. */
function clientFailure(socket: TLSSocket, error: Error): RpcError {
  const { authorizationError } = socket as { authorizationError?: unknown }
  return authorizationError ? rejected(error) : handshakeFailure(error)
}

/** Platform: the socket is destroyed by now, and knows its certificate no more; some errors carry it. */
function rejected(error: Error & { code?: string; cert?: { readonly raw?: Buffer } }): RpcError {
  const { code: reason = error.message, cert } = error
  const subject = cert?.raw === undefined ? undefined : subjectOf(new X509Certificate(cert.raw))
  return rpcError("CertificateRejected", `the certificate was not accepted: ${error.message}`, {
    reason,
    ...(subject !== undefined && { subject }),
  })
}

function timedOut(timeoutMs: number): RpcError {
  const message = `the TLS handshake took longer than ${timeoutMs} ms`
  return rpcError("TimedOut", message, { operation: "handshake", timeoutMs })
}

interface Waiting {
  resolve(session: TLSSocket): void
  reject(error: unknown): void
}

/** Sessions of the server side, each with the socket that it was made of. */
class ServerHandshakes {
  readonly #server: Server
  readonly #timeoutMs: number
  readonly #waiting = new Map<Socket, Waiting>()

  constructor(options: TlsOptions, context: SecureContextOptions) {
    const { alpn, requestCert, verify, handshakeTimeoutMs } = options
    this.#timeoutMs = handshakeTimeoutMs
    this.#server = createServer({
      ...context,
      requestCert,
      rejectUnauthorized: verify,
      // Beside our limit of all of it, Node's of any silence.
      handshakeTimeout: handshakeTimeoutMs,
      ...(alpn !== undefined && { ALPNProtocols: alpn }),
    })
    this.#server.on("secureConnection", (session) => this.#take(session)?.resolve(session))
    this.#server.on("tlsClientError", (error, session) => this.#take(session)?.reject(serverFailure(session, error)))
  }

  shake(socket: Socket, signal: AbortSignal): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        stop()
        socket.destroy()
        reject(error)
      }
      const onAbort = (): void => fail(rpcError("RequestCancelled", "the handshake was cancelled"))
      const timeout = setTimeout(() => fail(timedOut(this.#timeoutMs)), this.#timeoutMs)
      const onClose = (): void => fail(rpcError("TlsHandshakeFailed", "the remote is gone", { reason: "ECONNRESET" }))
      const stop = (): void => {
        clearTimeout(timeout)
        signal.removeEventListener("abort", onAbort)
        socket.off("close", onClose)
        this.#waiting.delete(socket)
      }
      const resolved = (session: TLSSocket): void => {
        stop()
        resolve(session.on("error", unheard))
      }
      this.#waiting.set(socket, { resolve: resolved, reject: fail })
      socket.on("close", onClose)
      signal.addEventListener("abort", onAbort)
      if (signal.aborted) onAbort()
      else this.#server.emit("connection", socket)
    })
  }

  /** Platform: only this field tells what a session was made of. */
  #take(session: TLSSocket): Waiting | undefined {
    return this.#waiting.get((session as TLSSocket & { readonly _parent: Socket })._parent)
  }
}

function serverFailure(session: TLSSocket, error: Error): RpcError {
  const { authorizationError } = session as { authorizationError?: unknown }
  if (typeof authorizationError !== "string") return handshakeFailure(error)
  const message = `the client's certificate was not accepted: ${authorizationError}`
  return rpcError("CertificateRejected", message, { reason: authorizationError })
}
