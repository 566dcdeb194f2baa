/**
 * What the system knows of a socket that somebody else opened, where Node does not tell. Reads, and changes nothing.
 * Platform: the numbers are Linux's; elsewhere nothing is known.
 */
import { declaring } from "./libc.ts"

export interface SocketFacts {
  readonly family: "IPv4" | "IPv6" | "Unix" | "other"
  readonly type: "stream" | "datagram" | "other"
  readonly listening: boolean
  /** Where this end and the remote are bound, of a Unix socket; empty for nowhere, a NUL first for abstract names. */
  readonly sockname: string
  readonly peername: string
}

const SOL_SOCKET = 1
const SO_TYPE = 3
const SO_ACCEPTCONN = 30
const SO_DOMAIN = 39
const FAMILIES = new Map<number, SocketFacts["family"]>([
  [1, "Unix"],
  [2, "IPv4"],
  [10, "IPv6"],
])
const TYPES = new Map<number, SocketFacts["type"]>([
  [1, "stream"],
  [2, "datagram"],
])

/** `struct sockaddr_un`: the family, then up to 108 bytes of path. Source: unix(7). */
const ADDRESS_BYTES = 110
const PATH_OFFSET = 2

type NameOf = (fd: number, address: Buffer, length: [number]) => number

const native = declaring(({ library }) => {
  const getsockopt: (fd: number, level: number, option: number, value: [number], length: [number]) => number =
    library.func("int getsockopt(int fd, int level, int option, _Out_ int *value, _Inout_ uint32_t *length)")
  const getsockname: NameOf = library.func("int getsockname(int fd, void *address, _Inout_ uint32_t *length)")
  const getpeername: NameOf = library.func("int getpeername(int fd, void *address, _Inout_ uint32_t *length)")
  return { getsockopt, getsockname, getpeername }
})

/** Null where koffi is not installed. */
export function socketFacts(fd: number): SocketFacts | null {
  const calls = process.platform === "linux" ? native() : null
  if (calls === null) return null
  const { getsockopt, getsockname, getpeername } = calls
  const option = (name: number): number => {
    const value: [number] = [-1]
    return getsockopt(fd, SOL_SOCKET, name, value, [4]) === 0 ? value[0] : -1
  }
  const path = (ask: NameOf): string => {
    const address = Buffer.alloc(ADDRESS_BYTES)
    const length: [number] = [ADDRESS_BYTES]
    return ask(fd, address, length) === 0 ? pathIn(address.subarray(0, length[0])) : ""
  }
  const family = FAMILIES.get(option(SO_DOMAIN)) ?? "other"
  const isUnix = family === "Unix"
  return {
    family,
    type: TYPES.get(option(SO_TYPE)) ?? "other",
    listening: option(SO_ACCEPTCONN) === 1,
    sockname: isUnix ? path(getsockname) : "",
    peername: isUnix ? path(getpeername) : "",
  }
}

/** A path ends with a NUL, an abstract name starts with one. */
function pathIn(address: Buffer): string {
  const path = address.subarray(PATH_OFFSET).toString()
  return path.startsWith("\0") ? path : path.replace(/\0.*$/s, "")
}
