/** The stream contract over TLS on the loopback interface. */
import { once } from "node:events"
import { connect as connectPlain, type AddressInfo, type Socket } from "node:net"
import { connect, createServer, type Server, type TLSSocket } from "node:tls"
import { systemClock } from "../../daemon/clock.ts"
import { tlsTransport } from "../../daemon/transports/tls.ts"
import { TLS_SHUTDOWN_TIMEOUT_MS } from "../../protocol/limits.ts"
import { serverTls, trusting } from "../support/tls.ts"
import { streamContract } from "./streams.ts"

let server: Server
let sockets: Socket[] = []
/** Under the remote: only it can be reset. */
let plain: Socket
const noHalfClose = "TLS ends both ways at once (asyncio: `can_write_eof()` is false)"

streamContract({
  name: "TLS",
  async make(events) {
    server = createServer({ ...serverTls, allowHalfOpen: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const socket = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true })
    const remote = connect({ socket, servername: "localhost", ...trusting })
    // As remotes do: it ends when it has seen our end.
    remote.on("end", () => remote.end())
    const [[session]] = (await Promise.all([once(server, "secureConnection"), once(remote, "secureConnect")])) as [
      [TLSSocket],
      unknown,
    ]
    sockets = [session, remote, socket]
    plain = socket
    const awaitRemoteEnd = { timeoutMs: TLS_SHUTDOWN_TIMEOUT_MS, after: systemClock.after }
    return { transport: tlsTransport(session, events, awaitRemoteEnd), remote }
  },
  // Platform: a reset in the very turn that ends the handshake reaches the other side as an end of file.
  reset: () => void setImmediate(() => plain.resetAndDestroy()),
  async cleanup() {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
  },
  skips: {
    "writeEof ends the writing side behind the bytes, and reading goes on": noHalfClose,
    "drops what is written after writeEof, close or the loss": noHalfClose,
    "when both sides have ended it is not lost before it is closed": noHalfClose,
  },
})
