/**
 * The file of a Unix socket: how it comes to be with its mode, whether anybody answers behind it, whether it is still
 * the same. Shared by the daemon's own socket and those that clients ask for; knows nothing of either.
 */
import { lstatSync, type BigIntStats } from "node:fs"
import { connect, type ListenOptions, type Server } from "node:net"
import { isSystemError } from "../failures.ts"

/**
 * Binds and listens in this very call; the promise only tells how it went.
 * @param where what to listen on, or what makes `server` listen.
 */
export function listening(
  server: Server,
  where: (ListenOptions & { readonly fd?: number }) | (() => void),
  onAcceptError: (error: Error) => void = () => {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.once("listening", () => {
      // A failed accept (EMFILE) must not end the daemon; the next one is tried all the same.
      server.off("error", reject).on("error", onAcceptError)
      resolve()
    })
    if (typeof where === "function") where()
    else server.listen(where)
  })
}

/**
 * Runs `bind`, which must bind in this very call, so that the socket file is born with `mode`: chmod afterwards would
 * leave a moment to connect in. The umask is the whole process's: nothing else may run meanwhile.
 */
export function withMode<Result>(mode: number | undefined, bind: () => Result): Result {
  if (mode === undefined) return bind()
  const umask = process.umask(0o777 & ~mode)
  try {
    return bind()
  } finally {
    process.umask(umask)
  }
}

/** Errors of `connect` that prove that nobody is there. Any other, EAGAIN of a full backlog say, may come from one. */
const NOBODY = ["ECONNREFUSED", "ENOENT", "ENOTSOCK"]

/** Whether somebody accepts connections at `path`; what cannot be told counts as yes. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", (error) => resolve(!(isSystemError(error) && NOBODY.includes(error.code))))
  })
}

export function lstatIfThere(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

export function isSameFile(one: BigIntStats | undefined, other: BigIntStats): boolean {
  return one !== undefined && one.dev === other.dev && one.ino === other.ino
}
