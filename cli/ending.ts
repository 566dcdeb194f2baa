/**
 * How the process ends: with all it wrote handed over, whatever the status.
 * Why not plain `process.exit()`: pipes are asynchronous, and what is still waiting (all behind the first 64 KiB) is
 * lost then.
 */
import type { Writable } from "node:stream"

/**
 * Ends the process with `code` once stdout and stderr are flushed. A slow reader is waited for, as by any program that
 * writes to a pipe; one that has gone is not.
 * Platform: Node never closes stdout, so this holds after somebody has ended or destroyed the stream too.
 */
export async function end(code: number): Promise<never> {
  process.exitCode = code
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(code)
}

/** Whoever read our output has gone (`| head`): nothing is left to do, and that is no error. */
export function endWhenOutputBreaks(): void {
  const gone = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EPIPE") process.exit(0)
    throw error
  }
  process.stdout.on("error", gone)
  process.stderr.on("error", gone)
}

/** Resolves when everything written to `stream` was handed to the system, or never will be. */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.errored) return resolve()
    stream.once("error", () => resolve())
    stream.write("", () => resolve())
  })
}

/**
 * Resolves as `promise` does, and keeps the process alive until then. The daemon's timers do not (it may be embedded),
 * and while it waits for the processes of a client to end there may be nothing else.
 */
export async function stayAliveUntil<Value>(promise: Promise<Value>): Promise<Value> {
  const alive = setInterval(() => {}, 2 ** 30)
  try {
    return await promise
  } finally {
    clearInterval(alive)
  }
}
