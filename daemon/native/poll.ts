/** `poll(2)`, once and without waiting. */
import { declaring } from "./libc.ts"

/** Of every system that has it. */
const POLLERR = 8

type Poll = (entries: Buffer, count: number, timeoutMs: number) => number

const native = declaring(({ library }): Poll =>
  library.func("int poll(void *entries, unsigned long count, int timeout)"),
)

/** Whether nobody reads the pipe that `fd` writes to; null where that cannot be asked. Source: poll(2). */
export function hasNoReader(fd: number): boolean | null {
  const poll = process.platform === "linux" ? native() : null
  if (poll === null) return null
  // `struct pollfd`: the descriptor, what is asked for (nothing: errors are always told), what there is.
  const entry = Buffer.alloc(8)
  entry.writeInt32LE(fd)
  return poll(entry, 1, 0) === 1 && (entry.readInt16LE(6) & POLLERR) !== 0
}
