/**
 * What descriptors are, and those that the daemon inherited and clients may ask for by number. Each is handed out once:
 * it belongs to its taker from then on. Any other number is none of a client's business: it may be another client's
 * connection.
 */
import { fstatSync, readdirSync, readFileSync } from "node:fs"
import { isatty } from "node:tty"
import { rpcError } from "../../protocol/errors.ts"
import { setCloseOnExec } from "../native/closeOnExec.ts"

/** `file` is everything else: files, directories, devices. */
export type DescriptorKind = "fifo" | "socket" | "terminal" | "file"

/** What a descriptor is, as far as transports are made of it. */
export function kindOf(fd: number): DescriptorKind {
  const stat = fstatSync(fd)
  if (stat.isFIFO()) return "fifo"
  if (stat.isSocket()) return "socket"
  return stat.isCharacterDevice() && isatty(fd) ? "terminal" : "file"
}

/** Those that the daemon inherited: whoever asks first gets one. */
export class Descriptors {
  readonly #free: Set<number>

  constructor(fds: Iterable<number> = []) {
    this.#free = new Set(fds)
  }

  /**
   * Hands out `fd`. Throws InvalidParams when it was not inherited or is handed out already, and when it is of no kind
   * in `wanted`: then it stays.
   */
  take<Kind extends DescriptorKind>(fd: number, wanted: readonly Kind[]): Kind {
    if (!this.#free.has(fd))
      throw rpcError("InvalidParams", `${fd} is no descriptor that the daemon inherited and still has`)
    const kind = checkedKind(fd, fd, wanted)
    this.#free.delete(fd)
    return kind
  }

  /** Undoes {@link take}: nothing came of it. */
  giveBack(fd: number): void {
    this.#free.add(fd)
  }
}

/** What `fd` is. Throws InvalidParams, with the name that the client has for it, when that is not in `wanted`. */
export function checkedKind<Kind extends DescriptorKind>(
  fd: number,
  ref: number | string,
  wanted: readonly Kind[],
): Kind {
  const kind = kindOf(fd)
  if ((wanted as readonly DescriptorKind[]).includes(kind)) return kind as Kind
  throw rpcError("InvalidParams", `descriptor ${ref} is a ${kind}, not a ${wanted.join(" or ")}`)
}

/**
 * What this process inherited beside its standard streams: to be asked before it opens anything of its own.
 * Platform: Linux alone tells. What Node opens for itself by then are files, event queues, pipes of which it has both
 * ends, and once more the terminals of its standard streams: those are left out, and so is the channel to a parent.
 * @param except what is spoken for: listening sockets.
 */
export function inheritedDescriptors(except: readonly number[] = []): number[] {
  if (process.platform !== "linux") return []
  const channel = process.channel as { readonly fd?: number } | undefined
  const spokenFor = new Set([...except, channel?.fd])
  const found = readdirSync("/proc/self/fd").map(Number).flatMap(look)
  const isOwn = (each: Look): boolean =>
    found.some(({ fd, kind, identity }) => {
      if (fd === each.fd || kind !== each.kind || identity !== each.identity) return false
      return kind === "fifo" || (kind === "terminal" && fd <= 2)
    })
  return found.filter((each) => each.fd > 2 && !spokenFor.has(each.fd) && !isOwn(each)).map(({ fd }) => fd)
}

/** What is to be kept from children, until there is the first. */
let unkept: number[] = []

/**
 * Sees to it that no child gets what this process inherited.
 * Platform: Node does so at its start, up to the first number above 15 that is not open; those behind it need the C
 * library, and are told by Linux alone.
 */
export function keepFromChildren(): void {
  if (process.platform !== "linux") return
  unkept = readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 15 && isForChildren(fd))
}

/**
 * To be called before a child is started.
 * Why not at once: a daemon whose parent leaks descriptors loaded the C library at its start, up to 8 ms of 110.
 */
export function keepNow(): void {
  for (const fd of unkept.splice(0)) setCloseOnExec(fd)
}

const O_CLOEXEC = 0o2000000

/** Source: proc(5), `/proc/pid/fdinfo`. */
function isForChildren(fd: number): boolean {
  try {
    const [, flags = "0"] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? []
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
  } catch {
    // The descriptor of the listing itself.
    return false
  }
}

interface Look {
  readonly fd: number
  readonly kind: DescriptorKind
  /** The same for two descriptors of one thing. */
  readonly identity: number
}

function look(fd: number): Look[] {
  try {
    const kind = kindOf(fd)
    const { ino, rdev } = fstatSync(fd)
    return kind === "file" ? [] : [{ fd, kind, identity: kind === "terminal" ? rdev : ino }]
  } catch {
    // The descriptor of the listing itself.
    return []
  }
}
