/** When a descriptor can be read or written: `uv_poll_t`, for what Node makes no stream of. */
import { libc } from "./libc.ts"

export interface Readiness {
  readonly readable: boolean
  readonly writable: boolean
}

/** Waits for a descriptor. Holds no more than its number: it must be closed before the descriptor is. */
export interface Watch {
  /** What is waited for from now on; for as long as it is so it is told again and again. Neither: nothing is. */
  want(what: Readiness): void
  close(): void
}

/** Platform: the callback gets a status first, whatever the types of koffi say. */
interface PollHandle {
  start(what: Readiness, callback: (status: number, found: Readiness) => void): void
  stop(): void
  close(): void
}
type Poll = (fd: number, what: Readiness, callback: () => void) => PollHandle

/** Nothing is waited for at first. Only where there is a C library. */
export function watch(fd: number, ready: (found: Readiness) => void): Watch {
  const poll = libc()?.koffi.node.poll as unknown as Poll
  let wanted: Readiness = { readable: false, writable: false }
  let open = true
  const handle = poll(fd, wanted, () => {})
  handle.stop()
  const found = (status: number, { readable, writable }: Readiness): void => {
    // Why not at once: koffi calls without the scope at whose end Node does what was put off to the next tick.
    setImmediate(() => {
      if (!open) return
      // An error shows when it is read or written, whichever is wanted.
      const failed = status !== 0
      ready({ readable: wanted.readable && (readable || failed), writable: wanted.writable && (writable || failed) })
    })
  }
  return {
    want(what) {
      if (!open || (what.readable === wanted.readable && what.writable === wanted.writable)) return
      wanted = what
      if (what.readable || what.writable) handle.start(what, found)
      else handle.stop()
    },
    close() {
      if (!open) return
      open = false
      handle.close()
    },
  }
}
