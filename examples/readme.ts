/** The example of the README, word for word: a server, a connection and a process, all owned by the daemon. */
import { connect, type Transport } from "transportd/client"

await using client = await connect({ launch: true }) // a daemon of our own; { socket: "…" } joins one that runs

class Shout {
  #transport?: Transport
  connectionMade(transport: Transport) {
    this.#transport = transport
  }
  dataReceived(data: Buffer) {
    this.#transport?.write(Buffer.from(data.toString().toUpperCase()))
    this.#transport?.close()
  }
}
const server = await client.loop.createServer(() => new Shout(), { host: "127.0.0.1", port: 0 })
const { port } = server.sockets[0] as { port: number }

const print = (data: Buffer): void => console.log(data.toString().trim())
await new Promise<void>((resolve, reject) => {
  const protocol = { dataReceived: print, connectionLost: () => resolve() }
  const made = client.loop.createConnection(() => protocol, { host: "127.0.0.1", port })
  made.then(([transport]) => transport.write(Buffer.from("hello from a socket"))).catch(reject)
})
await new Promise<void>((resolve, reject) => {
  const protocol = { pipeDataReceived: (_fd: number, data: Buffer) => print(data), connectionLost: () => resolve() }
  client.loop.subprocessExec(() => protocol, ["echo", "hello from a process"]).catch(reject)
})
