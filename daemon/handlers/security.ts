/** What a request says of TLS: the side that it asks for, or plain. What names `tls` never becomes plain text. */
import type { ParsedParams } from "../../protocol/registry.ts"
import { rpcError } from "../../protocol/errors.ts"
import type { Line } from "../open/line.ts"
import { clientSecurity, serverSecurity, type Security } from "../open/secure.ts"
import type { Context } from "./context.ts"

type Params = Pick<ParsedParams<"loop/createConnection">, "tls" | "serverHostname">

/**
 * The client side of TLS, or null for plain.
 * @param host the name to verify where the request gives none; undefined where it has to.
 * Throws InvalidParams for a name without TLS, or TLS without one; and what `clientSecurity` fails with.
 */
export async function clientSide({ tls, serverHostname }: Params, host?: string): Promise<Security | null> {
  if (tls === undefined) {
    if (serverHostname === undefined) return null
    throw rpcError("InvalidParams", "serverHostname means nothing without tls")
  }
  const name = serverHostname ?? host
  if (name === undefined) throw rpcError("InvalidParams", "tls needs a serverHostname here, to verify the certificate")
  return clientSecurity(tls, name)
}

/** `line` with a session on it, if one is asked for. Fails as `Security.secure` does. */
export async function secured(line: Line, security: Security | null, { daemon, signal }: Context): Promise<Line> {
  return security === null
    ? line
    : security.secure(line, signal, (delayMs, action) => daemon.clock.after(delayMs, action))
}

/** The server side of TLS, or null for plain. */
export async function serverSide({ tls }: Pick<Params, "tls">): Promise<Security | null> {
  return tls === undefined ? null : serverSecurity(tls)
}
