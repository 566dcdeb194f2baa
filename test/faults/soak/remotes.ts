/** The far ends of the soak: TCP both ways round, UDP. They say what their salt tells, and check what they hear. */
import { createSocket, type Socket as UdpSocket } from "node:dgram"
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { bytesAt, fits, isDatagram } from "./bytes.ts"

/** One TCP connection, seen from the other side. */
export class RemoteEnd {
  readonly socket: Socket
  readonly #salt: number
  #said = 0
  #heard = 0

  constructor(socket: Socket, salt: number, flaw: (what: string) => void) {
    this.socket = socket
    this.#salt = salt
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      if (!fits("to the remote", salt, this.#heard, chunk)) {
        flaw(`the remote of port ${salt} heard other bytes than were written, from ${this.#heard} on`)
        socket.destroy()
      }
      this.#heard += chunk.length
    })
  }

  /** Says `bytes` more; nothing while much of what was said before waits. */
  say(bytes: number): void {
    if (this.socket.writableLength > 1_000_000 || !this.socket.writable) return
    const data = bytesAt("from the remote", this.#salt, this.#said, bytes)
    this.#said += data.length
    this.socket.write(data)
  }
}

export class Remotes {
  readonly ends = new Set<RemoteEnd>()
  port = 0
  udpPort = 0
  readonly #flaw: (what: string) => void
  #server: Server | null = null
  #udp: UdpSocket | null = null

  constructor(flaw: (what: string) => void) {
    this.#flaw = flaw
  }

  async open(): Promise<void> {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#take(socket, socket.remotePort ?? 0))
    this.#server.listen({ port: 0, host: "127.0.0.1", backlog: 512 })
    await once(this.#server, "listening")
    this.port = (this.#server.address() as AddressInfo).port
    const udp = createSocket("udp4")
    udp.on("error", () => {})
    udp.on("message", (data, { address, port }) => {
      if (!isDatagram(data)) this.#flaw("a datagram was not what was sent")
      udp.send(data, port, address, () => {})
    })
    udp.bind(0, "127.0.0.1")
    await once(udp, "listening")
    this.udpPort = udp.address().port
    this.#udp = udp
  }

  /** Connects to a server of the daemon; nothing when it is gone. */
  async visit(port: number): Promise<void> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    socket.on("error", () => {})
    const made = await Promise.race([
      once(socket, "connect").then(
        () => true,
        () => false,
      ),
      once(socket, "close").then(() => false),
    ])
    if (made) this.#take(socket, socket.localPort ?? 0)
  }

  async close(): Promise<void> {
    for (const { socket } of this.ends) socket.destroy()
    this.#udp?.close()
    this.#server?.close()
    if (this.#server !== null) await once(this.#server, "close")
  }

  #take(socket: Socket, salt: number): void {
    const end = new RemoteEnd(socket, salt, this.#flaw)
    this.ends.add(end)
    // Half-open only until somebody closes: an end that nobody answers would stay for ever.
    socket.on("close", () => this.ends.delete(end))
  }
}
