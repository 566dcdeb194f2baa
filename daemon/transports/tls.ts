/** TLS sessions as transports: what is known of them, and how they end. The handshake is `open/secure.ts`'s. */
import type { TLSSocket } from "node:tls"
import { peerCertificate } from "./certificate.ts"
import { NodeStream, type RemoteEnd } from "./stream.ts"
import type { Extra, StreamEvents } from "./transport.ts"

/**
 * Makes a transport of a session after its handshake. It has no half-close. `close` waits for the remote's end, as
 * asyncio does: a remote that still sends would else be answered with a reset, which costs it what we sent last.
 */
export function tlsTransport(socket: TLSSocket, events: StreamEvents, awaitRemoteEnd: RemoteEnd): NodeStream {
  return new NodeStream(socket, events, { halfClose: false, awaitRemoteEnd })
}

export interface TlsView {
  readonly serverSide: boolean
  readonly verify: boolean
  readonly requestCert: boolean
  readonly serverHostname: string | null
}

/** What asyncio's `get_extra_info` knows of a session, beside what is known of the socket under it. */
export function tlsExtra(socket: TLSSocket, view: TlsView): Extra {
  const { name, version } = socket.getCipher()
  const cipher = [name, version, secretBits(name)]
  return {
    compression: null,
    cipher,
    peercert: peercert(socket, view),
    sslcontext: {
      protocol: view.serverSide ? "PROTOCOL_TLS_SERVER" : "PROTOCOL_TLS_CLIENT",
      verifyMode: demandsCertificate(view) ? "CERT_REQUIRED" : view.requestCert ? "CERT_OPTIONAL" : "CERT_NONE",
      checkHostname: !view.serverSide && view.verify && view.serverHostname !== "",
    },
    ssl_object: {
      serverSide: view.serverSide,
      serverHostname: view.serverSide ? socketName(socket) : view.serverHostname,
      version: socket.getProtocol(),
      cipher,
      selectedAlpnProtocol: socket.alpnProtocol || null,
      sessionReused: socket.isSessionReused(),
    },
  }
}

/** Null without a certificate; `{}` for one that nobody verified; else what Python says of it. */
function peercert(socket: TLSSocket, view: TlsView): object | null {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  return view.verify ? peerCertificate(certificate) : {}
}

function demandsCertificate({ serverSide, verify, requestCert }: TlsView): boolean {
  return verify && (!serverSide || requestCert)
}

/** The name that the client asked for. */
function socketName(socket: TLSSocket): string | null {
  const { servername } = socket as { servername?: string | false | null }
  return servername || null
}

/** Secret bits by what a cipher's name contains: Node tells the name only. The first match counts. */
const SECRET_BITS: ReadonlyArray<readonly [RegExp, number]> = [
  [/NULL/, 0],
  [/CHACHA20/, 256],
  [/(?:AES|ARIA|CAMELLIA)_?256/, 256],
  [/(?:AES|ARIA|CAMELLIA)_?128/, 128],
  [/SEED|RC4|IDEA/, 128],
  [/DES-CBC3|3DES/, 112],
]

/** Source: OpenSSL `ssl/s3_lib.c`, `strength_bits`. */
export function secretBits(cipherName: string): number {
  return SECRET_BITS.find(([pattern]) => pattern.test(cipherName))?.[1] ?? 0
}
