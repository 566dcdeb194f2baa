/**
 * The receiving end of descriptors that travel beside bytes on a Unix socket (`SCM_RIGHTS`): a call that Node lacks.
 * Knows nothing of what the bytes mean.
 * Platform: Linux with 64 bits, by the numbers and the layout of its structures. Source: recvmsg(2), cmsg(3), unix(7).
 */
import { closeSync } from "node:fs"
import { declaring, isInstalled, systemError } from "./libc.ts"
import { watch, type Watch } from "./readiness.ts"

const F_DUPFD_CLOEXEC = 1030
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CTRUNC = 0x8
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x4000_0000

/** `struct cmsghdr`: a length of 64 bits, a level, a type; the descriptors come behind it. */
const HEADER_BYTES = 16
const FD_BYTES = 4

/** Room for one descriptor and for a second, which shows that there were too many. */
const CONTROL_BYTES = HEADER_BYTES + 2 * FD_BYTES
const DATA_BYTES = 4096

const native = declaring(({ koffi, library }) => {
  const iovec = koffi.struct({ base: "void *", length: "size_t" })
  const msghdr = koffi.struct({
    name: "void *",
    nameLength: "uint32_t",
    iov: koffi.pointer(iovec),
    iovCount: "size_t",
    control: "void *",
    controlLength: "size_t",
    flags: "int",
  })
  const recvmsg: (fd: number, message: MessageHeader, flags: number) => number = library.func("recvmsg", "long", [
    "int",
    koffi.inout(koffi.pointer(msghdr)),
    "int",
  ])
  const send: (fd: number, data: Buffer, length: number, flags: number) => number = library.func(
    "long send(int fd, const void *data, size_t length, int flags)",
  )
  const fcntl: (fd: number, command: number, type: "int", argument: number) => number = library.func(
    "int fcntl(int fd, int command, ...)",
  )
  return { libc: { koffi, library }, recvmsg, send, fcntl }
})

interface MessageHeader {
  name: null
  nameLength: number
  iov: Array<{ base: Buffer; length: number }>
  iovCount: number
  control: Buffer
  controlLength: number
  flags: number
}

/** What came with one reading: descriptors come with the last bytes of what is read, from one sending. */
export interface Arrival {
  readonly bytes: Buffer
  /** Whose they are now is the receiver's business. */
  readonly fds: readonly number[]
  /** Whether there were more descriptors than can be told; those are closed. */
  readonly truncated: boolean
}

export interface RightsEvents {
  arrived(arrival: Arrival): void
  /** Nothing comes any more; it is closed. Not called after `close()`. */
  ended(): void
}

/** Whether {@link RightsReceiver} can be expected to work here; asked for without loading anything. */
export function mayReceiveRights(): boolean {
  return process.platform === "linux" && process.arch.includes("64") && isInstalled()
}

/** Whether it does. */
export function canReceiveRights(): boolean {
  return mayReceiveRights() && native() !== null
}

/** One connected socket. */
export class RightsReceiver {
  readonly #fd: number
  readonly #events: RightsEvents
  readonly #calls: NonNullable<ReturnType<typeof native>>
  readonly #watch: Watch
  readonly #data = Buffer.allocUnsafeSlow(DATA_BYTES)
  readonly #control = Buffer.allocUnsafeSlow(CONTROL_BYTES)
  #closed = false

  /** @param fd is copied, and stays its owner's. Throws a system error: EMFILE. */
  constructor(fd: number, events: RightsEvents) {
    const calls = native()
    if (calls === null) throw new Error("canReceiveRights() was not asked")
    this.#calls = calls
    this.#events = events
    this.#fd = calls.fcntl(fd, F_DUPFD_CLOEXEC, "int", 0)
    if (this.#fd < 0) throw systemError(calls.libc, "fcntl")
    this.#watch = watch(this.#fd, () => this.#receive())
    this.#watch.want({ readable: true, writable: false })
  }

  /** Sends without waiting. False when the other end does not read, or is gone. */
  send(text: string): boolean {
    const data = Buffer.from(text)
    if (this.#closed) return false
    return this.#calls.send(this.#fd, data, data.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL) === data.byteLength
  }

  /** Again: no effect. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    closeSync(this.#fd)
  }

  #receive(): void {
    if (this.#closed) return
    const message: MessageHeader = {
      name: null,
      nameLength: 0,
      iov: [{ base: this.#data, length: DATA_BYTES }],
      iovCount: 1,
      control: this.#control,
      controlLength: CONTROL_BYTES,
      flags: 0,
    }
    const length = this.#calls.recvmsg(this.#fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
    if (length <= 0) return this.#over(length)
    this.#events.arrived({
      bytes: Buffer.from(this.#data.subarray(0, length)),
      fds: descriptorsIn(this.#control.subarray(0, message.controlLength)),
      truncated: (message.flags & MSG_CTRUNC) !== 0,
    })
  }

  #over(length: number): void {
    const { koffi } = this.#calls.libc
    const { EAGAIN, EINTR } = koffi.os.errno
    if (length < 0 && [EAGAIN, EINTR].includes(koffi.errno())) return
    this.close()
    this.#events.ended()
  }
}

function descriptorsIn(control: Buffer): number[] {
  if (control.byteLength < HEADER_BYTES) return []
  // In the byte order of this machine.
  const words = new Int32Array(control.buffer, control.byteOffset, control.byteLength / FD_BYTES)
  const [lengthBytes = 0, , level, type] = words
  if (level !== SOL_SOCKET || type !== SCM_RIGHTS) return []
  return [...words.subarray(HEADER_BYTES / FD_BYTES, lengthBytes / FD_BYTES)]
}
