/** TLS options to a context: reads the files that they name, and says in the client's words what is wrong with them. */
import { constants } from "node:fs"
import { X509Certificate } from "node:crypto"
import { open } from "node:fs/promises"
import { isAbsolute } from "node:path"
import { createSecureContext, type SecureContextOptions } from "node:tls"
import { rpcError } from "../../protocol/errors.ts"
import { MAX_PEM_BYTES } from "../../protocol/limits.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { isSystemError, osFailure } from "../failures.ts"

export type TlsOptions = NonNullable<ParsedParams<"loop/createConnection">["tls"]>

/**
 * What Node needs to make a context, tried once so that a mistake in it is known before anything is opened.
 * Fails with OsFailure and `path` for a file that cannot be read, InvalidParams for what is no certificate, key, cipher, ….
 */
export async function contextOptions(options: TlsOptions, serverSide: boolean): Promise<SecureContextOptions> {
  const ca = joined(options.ca, await pemFile(options.caFile))
  const cert = joined(options.cert, await pemFile(options.certFile))
  const key = joined(options.key, await pemFile(options.keyFile)) ?? cert
  if (serverSide && cert === undefined) throw invalid("a TLS server needs a certificate: cert or certFile")
  const { passphrase, minVersion, ciphers } = options
  const wanted: SecureContextOptions = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert, key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(minVersion !== undefined && { minVersion }),
    ...(ciphers !== undefined && { ciphers }),
  }
  try {
    // Platform: Node takes authorities that are none without a word, and then trusts nobody.
    if (ca !== undefined) void new X509Certificate(ca)
    createSecureContext(wanted)
  } catch (error) {
    throw invalid(`the TLS options do not work: ${(error as Error).message}`)
  }
  return wanted
}

function joined(text: string | undefined, fileText: string | undefined): string | undefined {
  const parts = [text, fileText].filter((part) => part !== undefined)
  return parts.length === 0 ? undefined : parts.join("\n")
}

function invalid(message: string): Error {
  return rpcError("InvalidParams", message, { issues: [{ path: "tls", message }] })
}

async function pemFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  if (!isAbsolute(path)) {
    throw invalid(`the file ${path} is relative, and the daemon's directory is not yours; send an absolute path`)
  }
  try {
    return await readBounded(path)
  } catch (error) {
    throw isSystemError(error) ? osFailure(Object.assign(error, { path })) : error
  }
}

/** Why not `readFile`: a pipe would block a thread for ever, and a device would fill the memory. */
async function readBounded(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = await file.stat()
    if (stats.isDirectory()) throw refusal("EISDIR")
    if (!stats.isFile()) throw refusal("EINVAL")
    if (stats.size > MAX_PEM_BYTES) throw refusal("EFBIG")
    return await file.readFile("utf8")
  } finally {
    await file.close()
  }
}

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: "read" })
}
