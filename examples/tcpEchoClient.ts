/**
 * TCP echo client: sends a message and waits until the connection is closed. The program of the same name in asyncio's
 * documentation, line by line. An argument sets another port.
 */
import type { Protocol, Transport } from "transportd/client"
import { run } from "./run.ts"

class EchoClientProtocol implements Protocol {
  readonly #message: string
  readonly #onConnectionLost: () => void

  constructor(message: string, onConnectionLost: () => void) {
    this.#message = message
    this.#onConnectionLost = onConnectionLost
  }

  connectionMade(transport: Transport): void {
    transport.write(Buffer.from(this.#message))
    console.log(`Data sent: '${this.#message}'`)
  }

  dataReceived(data: Buffer): void {
    console.log(`Data received: '${data.toString()}'`)
  }

  connectionLost(): void {
    console.log("The server closed the connection")
    this.#onConnectionLost()
  }
}

const [port = "8888"] = process.argv.slice(2)

await run(async (loop) => {
  let onConnectionLost = (): void => {}
  const connectionLost = new Promise<void>((resolve) => (onConnectionLost = resolve))
  const message = "Hello World!"

  const [transport] = await loop.createConnection(() => new EchoClientProtocol(message, onConnectionLost), {
    host: "127.0.0.1",
    port: Number(port),
  })

  // Wait until the protocol signals that the connection is lost and close the transport.
  try {
    await connectionLost
  } finally {
    transport.close()
  }
})
