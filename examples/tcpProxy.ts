/**
 * TCP proxy: whoever connects gets a connection with HOST PORT, and the daemon passes the bytes on by itself: nothing of
 * them comes here. Arguments: HOST, PORT, and the own port.
 */
import type { Protocol, Transport } from "transportd/client"
import { run } from "./run.ts"

const [host = "127.0.0.1", port = "8888", ownPort = "8889"] = process.argv.slice(2)

await run(async (loop) => {
  async function proxy(transport: Transport): Promise<void> {
    // What comes before there is somewhere to send it waits.
    transport.pauseReading()
    const [remote] = await loop.createConnection<Protocol>(() => ({}), { host, port: Number(port) })
    const [there, back] = await loop.splice(transport, remote, { both: true })
    console.log(`${there.bytes} bytes there, ${back?.bytes} bytes back`)
  }

  const protocol = (): Protocol => ({
    connectionMade: (transport) => void proxy(transport).catch(() => transport.abort()),
  })
  await using server = await loop.createServer(protocol, { host: "127.0.0.1", port: Number(ownPort) })
  await server.serveForever()
})
