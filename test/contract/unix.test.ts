/** The stream contract over real Unix sockets. */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeStream } from "../../daemon/transports/stream.ts"
import { streamContract } from "./streams.ts"

let folder: string
let server: Server
let sockets: Socket[] = []

streamContract({
  name: "Unix",
  async make(events) {
    folder = mkdtempSync(join(tmpdir(), "contract-"))
    const path = join(folder, "x.sock")
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(path)
    await once(server, "listening")
    const remote = connect({ path, allowHalfOpen: true })
    const [[socket]] = (await Promise.all([once(server, "connection"), once(remote, "connect")])) as [[Socket], unknown]
    sockets = [socket, remote]
    return { transport: new NodeStream(socket, events), remote }
  },
  reset: (remote) => void remote.destroy(),
  async cleanup() {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
    rmSync(folder, { recursive: true })
  },
  skips: {
    "a reset is lost once, with its error":
      "a Unix socket knows no resets: one that is destroyed ends, and only writers hear EPIPE",
  },
})
