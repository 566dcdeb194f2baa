/** Descriptors of tests: copies of what a Node socket has, for somebody else to own. */
import { execFile, execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import type koffiModule from "koffi"
import type { Socket as DatagramSocket } from "node:dgram"
import type { Server, Socket } from "node:net"
import { promisify } from "node:util"

const F_DUPFD_CLOEXEC = 1030

type Fcntl = (fd: number, command: number, type: "int", argument: number) => number

/** Null where koffi is not installed, or this is not Linux: Node alone cannot copy a descriptor. */
const fcntl = ((): Fcntl | null => {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof koffiModule
    return koffi.load("libc.so.6").func("int fcntl(int fd, int command, ...)")
  } catch {
    return null
  }
})()

export const canCopy = fcntl !== null

/** Whether there is a Python that can send descriptors: 3.9, on POSIX. */
export const hasPython = ((): boolean => {
  try {
    execFileSync("python3", ["-c", "import socket; socket.send_fds"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

/** The descriptor of a socket of Node's, copied; the socket itself is as before. */
export function copyOf(socket: Socket | Server | DatagramSocket): number {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol")
  const holder = symbol === undefined ? socket : (socket as unknown as Record<symbol, object>)[symbol]
  const { _handle, handle } = holder as { _handle?: { fd: number }; handle?: { fd: number } }
  const fd = fcntl?.((_handle ?? handle)?.fd ?? -1, F_DUPFD_CLOEXEC, "int", 0) ?? -1
  if (fd < 0) throw new Error("the socket is not open, or cannot be copied")
  return fd
}

const SEND = `
import socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect(sys.argv[1])
    socket.send_fds(sock, [sys.argv[2].encode() + b"\\n"], [0])
    sys.stdout.write(sock.makefile().readline())
`

/** Hands the standard input of a Python program over a descriptor socket, and gives what was answered. */
export async function sendStdin(path: string, name: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)("python3", ["-c", SEND, path, JSON.stringify({ descriptor: name })])
  return JSON.parse(stdout) as unknown
}
