/** Opens a listening Unix socket for a client: its file, born with its mode, and removed while it is still ours. */
import { linkSync, renameSync, unlinkSync, type BigIntStats } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { dirname, join } from "node:path"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { unixFailure } from "./dialUnix.ts"
import { isAnswered, isSameFile, listening, lstatIfThere, withMode } from "./socketFile.ts"
import { checkClientSocketPath, isAbstract } from "./socketPath.ts"

export type ListenUnixParams = Pick<ParsedParams<"loop/createUnixServer">, "mode" | "backlog"> & {
  readonly path: string
}

export interface ListeningUnixSocket {
  readonly server: { close(): void }
  readonly address: { readonly path: string }
}

/**
 * Listens on `path`. Replaces a socket file that nobody answers at.
 * Fails with OsFailure: EADDRINUSE where somebody answers, or where the file is no socket (it stays untouched), else what
 * the system said; for a path that cannot be one, with what `checkClientSocketPath` throws. A failure leaves nothing.
 * @param onConnection gets sockets that have not been read from.
 * Source: asyncio `loop.create_unix_server`.
 */
export async function listenUnix(
  { path, mode, backlog }: ListenUnixParams,
  onConnection: (socket: Socket) => void,
): Promise<ListeningUnixSocket[]> {
  checkClientSocketPath(path)
  try {
    if (!isAbstract(path)) await removeStale(path)
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection)
    await withMode(mode, () => listening(server, { path, backlog }))
    const own = isAbstract(path) ? undefined : lstatIfThere(path)
    return [{ server: { close: () => closeOwn(server, path, own) }, address: { path } }]
  } catch (error) {
    throw unixFailure(error, path)
  }
}

async function removeStale(path: string): Promise<void> {
  const stats = lstatIfThere(path)
  if (stats === undefined) return
  if (!stats.isSocket()) throw occupied(path, "is no socket and was left untouched")
  if (await isAnswered(path)) throw occupied(path, "is in use")
  // Only what was asked goes; if it was replaced meanwhile, the bind fails and says so.
  if (isSameFile(lstatIfThere(path), stats)) unlinkSync(path)
}

function occupied(path: string, why: string): RpcError {
  const message = `the address ${path} ${why}; remove it or choose another path`
  return rpcError("OsFailure", message, { errno: "EADDRINUSE", syscall: "bind", path })
}

/**
 * Closes the listening socket and removes its file, and no other that has taken its place.
 * Platform: libuv unlinks whatever is at the path inside `close()`, so a successor's file gets a second name meanwhile.
 * Why not bind another name and link it, as the daemon's own socket does: remotes would see that name as ours.
 */
function closeOwn(server: Server, path: string, own: BigIntStats | undefined): void {
  const found = own === undefined ? undefined : lstatIfThere(path)
  const shelter = found === undefined || isSameFile(found, own as BigIntStats) ? undefined : shelterOf(path)
  server.close()
  if (shelter !== undefined) renameSync(shelter, path)
}

/** A second name beside `path` for what is there; none for what cannot have one, which libuv cannot unlink either. */
function shelterOf(path: string): string | undefined {
  const shelter = join(dirname(path), `.${process.pid}-${process.hrtime.bigint().toString(36)}`)
  try {
    linkSync(path, shelter)
    return shelter
  } catch {
    return undefined
  }
}
