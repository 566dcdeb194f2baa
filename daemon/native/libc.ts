/**
 * The C library by way of koffi, an optional package: for the system calls that Node does not offer.
 * Knows no call of its own; those are declared beside their use, in this room.
 */
import { createRequire } from "node:module"
import { getSystemErrorName } from "node:util"
import type koffi from "koffi"
import type { LibraryHandle } from "koffi"

export interface Libc {
  readonly koffi: typeof koffi
  readonly library: LibraryHandle
}

const require = createRequire(import.meta.url)

let loaded: Libc | null | undefined

/**
 * Loads koffi and the C library, once, at the first call: a daemon that needs neither never pays for them.
 * @returns null where the optional package is not installed, or this platform has no C library by a known name.
 */
export function libc(): Libc | null {
  loaded ??= load()
  return loaded
}

/**
 * What `declare` makes of the C library, made once, when it is first asked for; null where there is none, or it has not
 * all that is declared: older ones lack functions, and Electron lets nobody see memory that is not V8's.
 */
export function declaring<Functions>(declare: (libc: Libc) => Functions): () => Functions | null {
  let declared: Functions | null | undefined
  return () => {
    if (declared !== undefined) return declared
    const found = libc()
    try {
      declared = found && declare(found)
    } catch {
      declared = null
    }
    return declared
  }
}

/** The error of the call that has just failed, as Node says it. */
export function systemError({ koffi }: Libc, syscall: string): NodeJS.ErrnoException {
  const errno = koffi.errno()
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${syscall}: ${code}`), { errno: -errno, code, syscall })
}

/** Whether {@link libc} will have something to load; loads nothing. */
export function isInstalled(): boolean {
  try {
    return require.resolve("koffi") !== ""
  } catch {
    return false
  }
}

function load(): Libc | null {
  const name = { linux: "libc.so.6", darwin: "libSystem.dylib" }[process.platform as string]
  if (name === undefined) return null
  try {
    const koffi = require("koffi") as Libc["koffi"]
    return { koffi, library: koffi.load(name) }
  } catch {
    return null
  }
}
