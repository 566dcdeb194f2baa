/** A relay between clients and a daemon's socket that cuts their connections after a given number of bytes. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { Harness } from "./setup.ts"

export interface Cutter {
  readonly path: string
  /** Connections that came so far. */
  readonly connections: number
}

/**
 * Listens on `path` and relays to `target`. Each connection is cut, without a word, once as many bytes went through it,
 * both ways together, as `nextCut` says for it; never when it says null.
 */
export async function cutter(
  { cleanup }: Pick<Harness, "cleanup">,
  { path, target, nextCut }: { path: string; target: string; nextCut: () => number | null },
): Promise<Cutter> {
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer({ allowHalfOpen: true }, (near) => {
    connections++
    const far = connect({ path: target, allowHalfOpen: true })
    let left = nextCut() ?? Number.POSITIVE_INFINITY
    const end = (): void => {
      near.destroy()
      far.destroy()
    }
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on("error", end)
      from.on("close", () => open.delete(from))
      from.on("end", () => to.end())
      from.on("data", (chunk: Buffer) => {
        const passes = chunk.subarray(0, left)
        left -= passes.length
        if (!to.destroyed && passes.length > 0 && !to.write(passes)) {
          from.pause()
          to.once("drain", () => from.resume())
        }
        if (left === 0) end()
      })
    }
  })
  server.listen(path)
  await once(server, "listening")
  cleanup(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, "close")
  })
  return {
    path,
    get connections() {
      return connections
    },
  }
}
