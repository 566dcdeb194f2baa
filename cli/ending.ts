/**
 * How the process ends: with all it wrote handed over, whatever the status.
 * Why not plain `process.exit()`: pipes are asynchronous, and what is still waiting (all behind the first 64 KiB) is
 * lost then.
 */
import type { Writable } from "node:stream"
import { exitCode } from "./exitCodes.ts"
import { tell } from "./print.ts"

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

/** Whoever read our output has gone (`| head`): nothing is left to do, and that is no error. A full disk is one. */
export function endWhenOutputBreaks(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCode("ok"))
    tell(`cannot write to stdout: ${error.message}`)
    process.exit(exitCode("failure"))
  })
  // What cannot be said is not said; the work goes on.
  process.stderr.on("error", () => {})
}

/** For verbs that notice a broken output themselves: an error that nobody listens to would be an exception. */
export function outliveBrokenOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
}

/** Resolves when everything written to `stream` was handed to the system, or never will be. */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.errored) return resolve()
    const done = (): void => {
      stream.off("error", done)
      resolve()
    }
    stream.once("error", done)
    stream.write("", done)
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
