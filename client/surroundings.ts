/**
 * What this process's surroundings mean to what is asked of the daemon, which has others: the only place in the library
 * that reads the environment.
 */
import { resolve } from "node:path"

interface Surroundings {
  readonly cwd: string
  readonly env: Record<string, string>
  readonly clearEnv: true
  readonly umask: number
}

/** This process's working directory, environment and umask, in place of the daemon's (asyncio: a child inherits ours). */
export function surroundings(): Surroundings {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return { cwd: process.cwd(), env, clearEnv: true, umask: process.umask() }
}

/** What a relative path means here; the name of an abstract socket, which starts with a NUL, is no path. */
export function absolutePath(path: string): string {
  return path === "" || path.startsWith("\0") ? path : resolve(path)
}

/** TLS options whose files are named by absolute paths. */
export function absoluteFiles<Options extends TlsFiles>(tls: true | Options): true | Options {
  if (tls === true) return tls
  const files = (["caFile", "certFile", "keyFile"] as const).flatMap((name) => {
    const path = tls[name]
    return path === undefined ? [] : [[name, absolutePath(path)]]
  })
  return { ...tls, ...Object.fromEntries(files) }
}

interface TlsFiles {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}
