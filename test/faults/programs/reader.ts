/**
 * A client that reads: its own streams from a remote, and one of another client as an observer.
 * Prints `{"ready":true}` once the first bytes of each came; at the end of all streams the counts and hashes, and ends.
 */
import { createHash } from "node:crypto"
import { connect, type Protocol } from "transportd/client"

export interface ReaderParams {
  readonly socket: string
  readonly port: number
  readonly streams: number
  /** The name of a transport to watch. */
  readonly observes: string
}

/** What came of a stream, and what did not. */
export interface Count {
  readonly bytes: number
  readonly lostBytes: number
  readonly hash: string
}

class Stream implements Protocol {
  readonly begun: Promise<void>
  readonly ended: Promise<Count>
  readonly #hash = createHash("sha256")
  #bytes = 0
  #lostBytes = 0
  #begin = (): void => {}
  #end = (_count: Count): void => {}

  constructor() {
    this.begun = new Promise((resolve) => (this.#begin = resolve))
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  dataReceived(data: Buffer): void {
    this.#begin()
    this.#bytes += data.length
    this.#hash.update(data)
  }

  bytesLost(from: number, to: number): void {
    this.#lostBytes += to - from
  }

  connectionLost(): void {
    this.#end({ bytes: this.#bytes, lostBytes: this.#lostBytes, hash: this.#hash.digest("hex") })
  }
}

const { socket, port, streams, observes } = JSON.parse(process.argv[2] ?? "") as ReaderParams
const client = await connect({ socket })
const own = Array.from({ length: streams }, () => new Stream())
for (const stream of own) await client.loop.createConnection(() => stream, { host: "127.0.0.1", port })
const watched = new Stream()
await client.loop.attach(() => watched, observes, { role: "observer", since: 0 })
await Promise.all([...own, watched].map(({ begun }) => begun))
console.log(JSON.stringify({ ready: true }))
console.log(JSON.stringify(await Promise.all([...own, watched].map(({ ended }) => ended))))
await client.close()
