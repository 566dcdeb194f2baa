/**
 * Connecting existing sockets: waits until a socket has received data. The program of the same name in asyncio's
 * documentation, line by line, but for the pair of sockets, which Node does not make in one call, and for the socket's
 * way to the daemon: it is handed over, which takes a daemon of our own.
 */
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Protocol, Transport } from "transportd/client"
import { run } from "./run.ts"

class MyProtocol implements Protocol {
  readonly #onConnectionLost: () => void
  #transport: Transport | undefined

  constructor(onConnectionLost: () => void) {
    this.#onConnectionLost = onConnectionLost
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    console.log("Received:", data.toString())

    // We are done: close the transport; connectionLost() will be called automatically.
    this.#transport?.close()
  }

  connectionLost(): void {
    // The socket has been closed
    this.#onConnectionLost()
  }
}

await run(
  async (loop) => {
    let onConnectionLost = (): void => {}
    const connectionLost = new Promise<void>((resolve) => (onConnectionLost = resolve))

    // Create a pair of connected sockets
    const [rsock, wsock] = await socketpair()

    // Register the socket to wait for data.
    const fd = await loop.handOver(rsock)
    const [transport] = await loop.createConnection(() => new MyProtocol(onConnectionLost), { fd })

    // Simulate the reception of data from the network.
    setImmediate(() => wsock.write("abc"))

    try {
      await connectionLost
    } finally {
      transport.close()
      wsock.destroy()
    }
  },
  { launch: true },
)

/** Two ends of one connection; the first was not read from. */
async function socketpair(): Promise<[Socket, Socket]> {
  const folder = await mkdtemp(join(tmpdir(), "socketpair-"))
  const path = join(folder, "socket")
  const server = createServer({ pauseOnConnect: true }).listen(path)
  const accepted = once(server, "connection")
  const wsock = connect(path)
  const [rsock] = (await accepted) as [Socket]
  server.close()
  await rm(folder, { recursive: true })
  return [rsock, wsock]
}
