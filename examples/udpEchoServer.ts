/**
 * UDP echo server: sends back what it receives. The program of the same name in asyncio's documentation, line by line.
 * An argument sets another port.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { DatagramTransport, SenderAddress } from "transportd/client"
import { run } from "./run.ts"

class EchoServerProtocol {
  #transport: DatagramTransport | undefined

  connectionMade(transport: DatagramTransport): void {
    this.#transport = transport
  }

  datagramReceived(data: Buffer, addr: SenderAddress): void {
    const message = data.toString()
    console.log(`Received '${message}' from ('${addr.host}', ${addr.port})`)
    console.log(`Send '${message}' to ('${addr.host}', ${addr.port})`)
    this.#transport?.sendto(data, addr)
  }
}

const [port = "9999"] = process.argv.slice(2)

await run(async (loop) => {
  console.log("Starting UDP server")

  // One protocol instance will be created to serve all client requests.
  const [transport] = await loop.createDatagramEndpoint(() => new EchoServerProtocol(), {
    localAddr: { host: "127.0.0.1", port: Number(port) },
  })

  try {
    await sleep(3_600_000) // Serve for 1 hour.
  } finally {
    transport.close()
  }
})
