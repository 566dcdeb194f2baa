/** Remotes that speak TLS with the certificates of `certificates/make.sh`, and the paths of those. */
import { once } from "node:events"
import { readFileSync } from "node:fs"
import type { AddressInfo, Socket } from "node:net"
import { connect, createServer, type ConnectionOptions, type TlsOptions, type TLSSocket } from "node:tls"
import { fileURLToPath } from "node:url"
import type { Harness } from "./setup.ts"

type Cleanup = Pick<Harness, "cleanup">

/** `ca`, `server`, `client`, `expired` or `stranger` with its ending. */
export function certificateFile(name: string): string {
  return fileURLToPath(new URL(`certificates/${name}`, import.meta.url))
}

export function pem(name: string): string {
  return readFileSync(certificateFile(name), "utf8")
}

/** What a server of the tests shows. */
export const serverTls = { cert: pem("server.pem"), key: pem("server.key") }

/** What trusts it. */
export const trusting = { ca: pem("ca.pem") }

export interface TlsPeer {
  readonly port: number
  /** The next session that comes, or one that came and was not asked for yet. */
  accepted(): Promise<TLSSocket>
}

/** A TLS server on the loopback interface; `serve` gets each session. */
export async function listenTls(
  { cleanup }: Cleanup,
  options: TlsOptions = {},
  serve: (session: TLSSocket) => void = () => {},
): Promise<TlsPeer> {
  const sockets: Socket[] = []
  const sessions: TLSSocket[] = []
  const waiting: Array<(session: TLSSocket) => void> = []
  const server = createServer({ ...serverTls, allowHalfOpen: true, ...options })
  server.on("connection", (socket: Socket) => sockets.push(socket))
  server.on("tlsClientError", () => {})
  server.on("secureConnection", (session) => {
    session.on("error", () => {})
    serve(session)
    const next = waiting.shift()
    if (next === undefined) sessions.push(session)
    else next(session)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  cleanup(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
  })
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => {
      const first = sessions.shift()
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first)
    },
  }
}

/** A session with a server of the daemon, after its handshake. Rejects with what goes wrong before. */
export async function visitTls({ cleanup }: Cleanup, options: ConnectionOptions): Promise<TLSSocket> {
  const session = connect({
    ...trusting,
    servername: "localhost",
    allowHalfOpen: true,
    ...options,
  } as ConnectionOptions)
  cleanup(() => session.destroy())
  await once(session, "secureConnect")
  return session.on("error", () => {})
}
