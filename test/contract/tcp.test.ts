/** The stream contract over real TCP sockets on the loopback interface. */
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { NodeStream } from "../../daemon/transports/stream.ts"
import { streamContract } from "./streams.ts"

let server: Server
let sockets: Socket[] = []

streamContract({
  name: "TCP",
  async make(events) {
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const remote = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    const [[socket]] = (await Promise.all([once(server, "connection"), once(remote, "connect")])) as [[Socket], unknown]
    sockets = [socket, remote]
    return { transport: new NodeStream(socket, events), remote }
  },
  reset: (remote) => void (remote as Socket).resetAndDestroy(),
  async cleanup() {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
  },
  skips: {},
})
