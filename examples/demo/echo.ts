/** Scene: the TCP echo server and client of asyncio's documentation. The daemon owns both ends of the connection. */
import type { Client, Protocol, Transport } from "transportd/client"
import type { Stage } from "./stage.ts"

interface Peername {
  readonly host: string
  readonly port: number
}

class EchoServerProtocol implements Protocol {
  readonly #stage: Stage
  #transport: Transport | null = null

  constructor(stage: Stage) {
    this.#stage = stage
  }

  connectionMade(transport: Transport): void {
    const { host, port } = transport.getExtraInfo("peername") as Peername
    this.#stage.say(`server  connectionMade from ${host}:${port}`)
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    this.#stage.say(`server  dataReceived "${data.toString()}", writes it back and closes in the same breath`)
    this.#transport?.write(data)
    this.#transport?.close()
  }
}

class EchoClientProtocol implements Protocol {
  readonly events: string[] = []
  readonly #stage: Stage
  readonly #message: string
  readonly #onConnectionLost: () => void

  constructor(stage: Stage, message: string, onConnectionLost: () => void) {
    this.#stage = stage
    this.#message = message
    this.#onConnectionLost = onConnectionLost
  }

  connectionMade(transport: Transport): void {
    this.events.push("connectionMade")
    transport.write(Buffer.from(this.#message))
    this.#stage.say(`client  connectionMade, writes "${this.#message}"`)
  }

  dataReceived(data: Buffer): void {
    this.events.push(`dataReceived ${data.toString()}`)
    this.#stage.say(`client  dataReceived "${data.toString()}"`)
  }

  eofReceived(): void {
    this.events.push("eofReceived")
    this.#stage.say("client  eofReceived, answers nothing: so the transport closes")
  }

  connectionLost(error: Error | null): void {
    this.events.push(`connectionLost ${error}`)
    this.#stage.say(`client  connectionLost(${error})`)
    this.#onConnectionLost()
  }
}

export async function echo(stage: Stage, { loop }: Client): Promise<void> {
  const server = await loop.createServer(() => new EchoServerProtocol(stage), { host: "127.0.0.1", port: 0 })
  const [address] = server.sockets
  const { port } = address as Peername
  stage.say(`the daemon listens on 127.0.0.1:${port}`)

  let onConnectionLost = (): void => {}
  const lost = new Promise<void>((resolve) => (onConnectionLost = resolve))
  const [transport, protocol] = await loop.createConnection(
    () => new EchoClientProtocol(stage, "Hello World!", onConnectionLost),
    { host: "127.0.0.1", port },
  )
  await lost
  transport.close()
  server.close()
  await server.waitClosed()

  const expected = ["connectionMade", "dataReceived Hello World!", "eofReceived", "connectionLost null"]
  stage.expect(
    "four callbacks, each once, in asyncio's order",
    protocol.events.join() === expected.join(),
    protocol.events,
  )
}
