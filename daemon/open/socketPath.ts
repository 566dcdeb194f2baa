/** Whether a path can name a Unix socket at all: the daemon's own, and those that clients ask for. Asks nobody. */
import { isAbsolute } from "node:path"
import { rpcError } from "../../protocol/errors.ts"
import { MAX_SOCKET_PATH_BYTES } from "../../protocol/limits.ts"

/**
 * Returns when `path` can name the file of a Unix socket.
 * Throws OsFailure, errno `ENAMETOOLONG` over {@link MAX_SOCKET_PATH_BYTES}, `EINVAL` when empty or with a NUL byte:
 * the system would cut the path there, and another file would be meant than was checked (a leading NUL names an
 * abstract socket, which has no permissions at all).
 */
export function checkSocketPath(path: string): void {
  if (path === "" || path.includes("\0")) {
    const message = `the socket path ${JSON.stringify(path)} is empty or has a NUL byte; give the path of a file`
    throw rpcError("OsFailure", message, { errno: "EINVAL", path })
  }
  checkLength(path)
}

/**
 * Returns when a client may connect to or listen on `path`: an absolute path, or an abstract name of Linux, which is a
 * NUL and a name without another. Throws InvalidParams for a relative path, NotSupported for an abstract name that this
 * Node or system cannot reach, and what {@link checkSocketPath} does.
 */
export function checkClientSocketPath(path: string): void {
  if (path.startsWith("\0") && path.length > 1 && !path.includes("\0", 1)) checkAbstractName(path)
  else {
    checkSocketPath(path)
    if (isAbsolute(path)) return
    const message = `the socket path ${path} is relative, and the daemon's directory is not yours; send an absolute path`
    throw rpcError("InvalidParams", message)
  }
}

export function isAbstract(path: string): boolean {
  return path.startsWith("\0")
}

/** Platform: Node 20 pads abstract names with NULs to the full length, a name that no other program looks for. */
function checkAbstractName(path: string): void {
  checkLength(path)
  const nodeMajor = Number.parseInt(process.versions.node, 10)
  if (process.platform === "linux" && nodeMajor >= 22) return
  const why =
    process.platform === "linux"
      ? `Node ${nodeMajor} pads their names, so that no other program finds them; run the daemon with Node 22 or newer`
      : "only Linux has them"
  throw rpcError("NotSupported", `abstract sockets do not work here: ${why}`, { kind: "unix", operation: "abstract" })
}

function checkLength(path: string): void {
  const lengthBytes = Buffer.byteLength(path)
  if (lengthBytes <= MAX_SOCKET_PATH_BYTES) return
  const message =
    `the socket path ${path} has ${lengthBytes} bytes, and at most ${MAX_SOCKET_PATH_BYTES} fit a socket address; ` +
    "choose a shorter name or a directory nearer the root"
  throw rpcError("OsFailure", message, { errno: "ENAMETOOLONG", path })
}
