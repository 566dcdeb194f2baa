/** The remotes of datagram tests: UDP sockets that keep what they get, each datagram by itself. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram"
import { once } from "node:events"
import type { Harness } from "./setup.ts"

export interface Letter {
  readonly data: Buffer
  readonly from: RemoteInfo
}

/** A UDP socket of the test. */
export class UdpPeer {
  readonly socket: Socket
  readonly host: string
  readonly port: number
  readonly letters: Letter[] = []
  readonly #waiting: Array<(letter: Letter) => void> = []
  #taken = 0

  constructor(socket: Socket) {
    this.socket = socket
    const { address, port } = socket.address()
    this.host = address
    this.port = port
    socket.on("message", (data, from) => {
      this.letters.push({ data, from })
      const next = this.#waiting.shift()
      if (next !== undefined) next(this.letters[this.#taken++] as Letter)
    })
  }

  get addr(): { host: string; port: number } {
    return { host: this.host, port: this.port }
  }

  /** The next datagram, in the order of arrival. */
  next(): Promise<Letter> {
    if (this.#taken < this.letters.length) return Promise.resolve(this.letters[this.#taken++] as Letter)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when the system took it. */
  async send(data: string | Uint8Array, to: { host: string; port: number }): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.socket.send(data, to.port, to.host, (error) => (error === null ? resolve() : reject(error))),
    )
  }
}

/** Binds to a free port of the loopback interface. */
export async function udpPeer({ cleanup }: Pick<Harness, "cleanup">, host = "127.0.0.1"): Promise<UdpPeer> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4")
  socket.bind(0, host)
  await once(socket, "listening")
  cleanup(async () => {
    socket.close()
    await once(socket, "close")
  })
  return new UdpPeer(socket)
}

/** A port on which nothing listens: one that was just given and given back. */
export async function closedUdpPort(): Promise<number> {
  const socket = createSocket("udp4")
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const { port } = socket.address()
  socket.close()
  await once(socket, "close")
  return port
}
