/** `pipe2(2)`: a real pipe, one-way. What Node calls a pipe is a pair of sockets. */
import { declaring, systemError } from "./libc.ts"

/** The two ends; no child inherits them by accident. */
export interface PipeEnds {
  readonly readEnd: number
  readonly writeEnd: number
}

/** Linux's; `fcntl.h` has it in octal. */
const O_CLOEXEC = 0o2000000

const native = declaring((libc) => {
  const pipe2: (fds: Int32Array, flags: number) => number = libc.library.func("int pipe2(int *fds, int flags)")
  return { libc, pipe2 }
})

/** Null where no pipe can be made. Throws a system error: EMFILE. Source: pipe(2). */
export function makePipe(): PipeEnds | null {
  const found = process.platform === "linux" ? native() : null
  if (found === null) return null
  const fds = new Int32Array(2)
  if (found.pipe2(fds, O_CLOEXEC) !== 0) throw systemError(found.libc, "pipe2")
  const [readEnd = -1, writeEnd = -1] = fds
  return { readEnd, writeEnd }
}
