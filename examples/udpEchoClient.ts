/**
 * UDP echo client: sends data and closes the transport when it receives the answer. The program of the same name in
 * asyncio's documentation, line by line. An argument sets another port.
 */
import type { DatagramTransport } from "transportd/client"
import { run } from "./run.ts"

class EchoClientProtocol {
  readonly #message: string
  readonly #onConnectionLost: () => void
  #transport: DatagramTransport | undefined

  constructor(message: string, onConnectionLost: () => void) {
    this.#message = message
    this.#onConnectionLost = onConnectionLost
  }

  connectionMade(transport: DatagramTransport): void {
    this.#transport = transport
    console.log("Send:", this.#message)
    this.#transport.sendto(Buffer.from(this.#message))
  }

  datagramReceived(data: Buffer): void {
    console.log("Received:", data.toString())

    console.log("Close the socket")
    this.#transport?.close()
  }

  errorReceived(error: Error): void {
    console.log("Error received:", error.message)
  }

  connectionLost(): void {
    console.log("Connection closed")
    this.#onConnectionLost()
  }
}

const [port = "9999"] = process.argv.slice(2)

await run(async (loop) => {
  let onConnectionLost = (): void => {}
  const connectionLost = new Promise<void>((resolve) => (onConnectionLost = resolve))
  const message = "Hello World!"

  const [transport] = await loop.createDatagramEndpoint(() => new EchoClientProtocol(message, onConnectionLost), {
    remoteAddr: { host: "127.0.0.1", port: Number(port) },
  })

  try {
    await connectionLost
  } finally {
    transport.close()
  }
})
