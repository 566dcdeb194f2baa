/**
 * The terminal that this command was started in, lent to a program with a terminal elsewhere: keys go there unread, its
 * size follows ours. Knows nothing of what is shown.
 */
import { spawnSync } from "node:child_process"
import type { SubprocessTransport, WriteTransport } from "transportd/client"

/** Types the end of what comes from a file or a pipe: Ctrl-D. */
const END = Buffer.from("\x04")

/** Leaves a program that outlives us: Ctrl-\, as in `dtach`. */
const LEAVE = 0x1c

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** Ours; what terminals have had since ever, where we have none. */
export function localSize(): TerminalSize {
  const { isTTY, columns, rows } = process.stdout
  return isTTY ? { columns, rows } : { columns: 80, rows: 24 }
}

/**
 * Lends ours to `transport`, as far as we have one: raw, so that every key is the program's.
 * @returns takes it back as it was before.
 */
export function lendTerminal(transport: SubprocessTransport): () => void {
  const { stdin, stdout } = process
  const follow = (): void => {
    const { columns, rows } = localSize()
    transport.resize(columns, rows)
  }
  if (stdout.isTTY) stdout.on("resize", follow)
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    // Platform: Node leaves the output cooked, and a mere "line down" of a full-screen program would become a new line.
    spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] })
  }
  return () => {
    stdout.off("resize", follow)
    if (stdin.isTTY) stdin.setRawMode(false)
  }
}

/** Has a program show all it has once more: it does when its size changes, so that must. */
export function redraw(transport: SubprocessTransport): void {
  if (!process.stdout.isTTY) return
  const { columns, rows } = localSize()
  transport.resize(columns, rows === 1 ? 2 : rows - 1)
  transport.resize(columns, rows)
}

/** What is typed to a program. @param leave called at the key for it; absent: that key is the program's too. */
export function keyboard(target: WriteTransport, leave?: () => void): Pick<WriteTransport, "write" | "writeEof"> {
  return {
    write(keys) {
      const at = leave === undefined ? -1 : keys.indexOf(LEAVE)
      target.write(at === -1 ? keys : keys.subarray(0, at))
      if (at !== -1) leave?.()
    },
    writeEof: () => target.write(END),
  }
}
