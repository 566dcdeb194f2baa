/**
 * Pseudo-terminals: a pair of descriptors, of which the child's is a terminal, with the size and the settings of one.
 * Platform: the numbers are Linux's; elsewhere there are none.
 */
import { closeSync, constants, openSync } from "node:fs"
import { declaring, isInstalled, systemError } from "./libc.ts"

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface TerminalPair {
  /** Ours: what is written to it is typed, what is read from it was shown. Never blocks. */
  readonly master: number
  /** The child's. */
  readonly slave: number
  /** Where a process opens it to make it the terminal of its session. */
  readonly path: string
}

/** `asm-generic/ioctls.h` */
const TIOCSWINSZ = 0x5414
const TIOCGPTN = 0x80045430
const TIOCSPTLCK = 0x40045431

/** `asm-generic/termbits.h`: the first word of `struct termios`, and the flag in it for UTF-8. */
const TERMIOS_BYTES = 64
const IUTF8 = 0o40000

const native = declaring((libc) => {
  const { library } = libc
  const ioctl: (fd: number, request: number, argument: Buffer) => number = library.func(
    "int ioctl(int fd, unsigned long request, void *argument)",
  )
  const tcgetattr: (fd: number, termios: Buffer) => number = library.func("int tcgetattr(int fd, void *termios)")
  const tcsetattr: (fd: number, when: number, termios: Buffer) => number = library.func(
    "int tcsetattr(int fd, int when, const void *termios)",
  )
  return { libc, ioctl, tcgetattr, tcsetattr }
})

/** Whether there can be terminals here; asked for without loading anything. */
export function hasTerminals(): boolean {
  return process.platform === "linux" && isInstalled()
}

/** Opens a new one. Null where there are none; throws a system error: EMFILE, ENOSPC. Source: pty(7), ioctl_tty(2). */
export function openTerminal(size: TerminalSize): TerminalPair | null {
  if (process.platform !== "linux" || native() === null) return null
  // O_NOCTTY: it must not become the daemon's own.
  const flags = constants.O_RDWR | constants.O_NOCTTY
  const master = openSync("/dev/ptmx", flags | constants.O_NONBLOCK)
  try {
    const number = Buffer.alloc(4)
    control(master, TIOCSPTLCK, number)
    control(master, TIOCGPTN, number)
    const path = `/dev/pts/${number.readUInt32LE()}`
    resizeTerminal(master, size)
    const slave = openSync(path, flags)
    useUtf8(slave)
    return { master, slave, path }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

/** For one that nothing was made of. */
export function closeTerminal({ master, slave }: TerminalPair): void {
  closeSync(master)
  closeSync(slave)
}

/** Its processes in the foreground get SIGWINCH if that is a change. Source: ioctl_tty(2). */
export function resizeTerminal(master: number, { columns, rows }: TerminalSize): void {
  const size = Buffer.alloc(8)
  size.writeUInt16LE(rows)
  size.writeUInt16LE(columns, 2)
  control(master, TIOCSWINSZ, size)
}

/** The line editor takes back characters, not bytes. Source: termios(3), IUTF8. */
function useUtf8(slave: number): void {
  const calls = native()
  const termios = Buffer.alloc(TERMIOS_BYTES)
  if (calls === null || calls.tcgetattr(slave, termios) !== 0) return
  termios.writeUInt32LE(termios.readUInt32LE() | IUTF8)
  calls.tcsetattr(slave, 0, termios)
}

function control(fd: number, request: number, argument: Buffer): void {
  const calls = native()
  if (calls !== null && calls.ioctl(fd, request, argument) !== 0) throw systemError(calls.libc, "ioctl")
}
