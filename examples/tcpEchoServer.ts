/**
 * TCP echo server: sends back what it receives and closes the connection. The program of the same name in asyncio's
 * documentation, line by line. An argument sets another port.
 */
import type { Protocol, Transport } from "transportd/client"
import { run } from "./run.ts"

class EchoServerProtocol implements Protocol {
  #transport: Transport | undefined

  connectionMade(transport: Transport): void {
    const { host, port } = transport.getExtraInfo("peername") as { host: string; port: number }
    console.log(`Connection from ('${host}', ${port})`)
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    const message = data.toString()
    console.log(`Data received: '${message}'`)

    console.log(`Send: '${message}'`)
    this.#transport?.write(data)

    console.log("Close the client socket")
    this.#transport?.close()
  }
}

const [port = "8888"] = process.argv.slice(2)

await run(async (loop) => {
  await using server = await loop.createServer(() => new EchoServerProtocol(), {
    host: "127.0.0.1",
    port: Number(port),
  })
  await server.serveForever()
})
