/** Many connections of one client to the remote's echo: opened together, used together, ended together. */
import { setTimeout as delay } from "node:timers/promises"
import type { Client, ConnectionOptions, Transport } from "transportd/client"
import type { Ports } from "../ways/way.ts"

/** Requests on their way at once: well below what a client may have. */
const AT_A_TIME = 64
const PING = Buffer.alloc(64, "ping ")
const PIECE = 4096

export class Herd {
  readonly transports: Transport[] = []
  readonly #client: Client
  readonly #ports: Ports
  #received = (_index: number, _bytes: number): void => {}
  #lost = (): void => {}

  constructor(client: Client, ports: Ports) {
    this.#client = client
    this.#ports = ports
  }

  async open(count: number, options: ConnectionOptions["options"] = {}): Promise<void> {
    const where = { host: "127.0.0.1", port: this.#ports.echo, options }
    await together(count, async (index) => {
      const protocol = {
        dataReceived: (data: Buffer) => this.#received(index, data.length),
        connectionLost: () => this.#lost(),
      }
      const [transport] = await this.#client.loop.createConnection(() => protocol, where)
      this.transports[index] = transport
    })
  }

  /** 64 bytes there and back on all of them at once, `each` times. */
  roundTrips(each: number): Promise<void> {
    return this.#exchange(PING, PING.length * each, PING.length)
  }

  /** `bytes` there and back on each, all at once; one piece of each is on the way, of one size however many there are. */
  echoed(bytes: number): Promise<void> {
    return this.#exchange(Buffer.alloc(Math.min(bytes, PIECE), "echo "), bytes, PIECE)
  }

  /** Resolves when all have ended, after `end` was asked of each. */
  async end(end: (transport: Transport) => void = (transport) => transport.abort()): Promise<void> {
    let left = this.transports.length
    await new Promise<void>((resolve) => {
      this.#lost = () => {
        if (--left === 0) resolve()
      }
      for (const transport of this.transports) end(transport)
    })
    this.transports.length = 0
  }

  /** Each writes `total` bytes in pieces of `piece`, at most `outstanding` of them not yet back. */
  #exchange(piece: Buffer, total: number, outstanding: number): Promise<void> {
    const written = new Float64Array(this.transports.length)
    const back = new Float64Array(this.transports.length)
    let running = this.transports.length
    const write = (index: number): void => {
      const limit = Math.min(total, (back[index] ?? 0) + outstanding)
      while ((written[index] ?? 0) + piece.length <= limit) {
        written[index]! += piece.length
        this.transports[index]?.write(piece)
      }
    }
    return new Promise((resolve) => {
      this.#received = (index, bytes) => {
        back[index]! += bytes
        if (back[index] !== total) write(index)
        else if (--running === 0) resolve()
      }
      for (const index of this.transports.keys()) write(index)
    })
  }
}

/** Runs `action` for each index below `count`, some at a time. */
export async function together(count: number, action: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await action(next++)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
}

/** Resolves once the daemon holds nothing any more. Asked for: of so many ends at once a watcher misses some. */
export async function allGone(client: Client): Promise<void> {
  while ((await client.request("daemon/info", {})).transports > 0) await delay(5)
}
