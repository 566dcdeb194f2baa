/**
 * The C library by way of koffi, an optional package: for the system calls that Node does not offer.
 * Knows no call of its own; those are declared beside their use, in this room.
 */
import { createRequire } from "node:module"
import type koffi from "koffi"
import type { LibraryHandle } from "koffi"

export interface Libc {
  readonly koffi: typeof koffi
  readonly library: LibraryHandle
}

let loaded: Libc | null | undefined

/**
 * Loads koffi and the C library, once, at the first call: a daemon that needs neither never pays for them.
 * @returns null where the optional package is not installed, or this platform has no C library by a known name.
 */
export function libc(): Libc | null {
  loaded ??= load()
  return loaded
}

function load(): Libc | null {
  const name = { linux: "libc.so.6", darwin: "libSystem.dylib" }[process.platform as string]
  if (name === undefined) return null
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Libc["koffi"]
    return { koffi, library: koffi.load(name) }
  } catch {
    return null
  }
}
