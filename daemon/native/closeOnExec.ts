/** `fcntl(2)`: what Node sets on everything that it opens itself, and not on all that it inherits. */
import { declaring } from "./libc.ts"

const F_SETFD = 2
const FD_CLOEXEC = 1

type Fcntl = (fd: number, command: number, type: "int", argument: number) => number

const native = declaring(({ library }): Fcntl => library.func("int fcntl(int fd, int command, ...)"))

/** Children do not get `fd` from now on; false where that cannot be done. */
export function setCloseOnExec(fd: number): boolean {
  return native()?.(fd, F_SETFD, "int", FD_CLOEXEC) === 0
}
