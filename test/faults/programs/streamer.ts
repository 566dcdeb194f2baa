/**
 * A client that streams both ways through a transport with lifetime daemon, and is made to be killed at any moment.
 * What it got is in a file before anybody hears that it was consumed; how much it sent is in another. Started again, it
 * attaches where the first file ends, and writes on from where the daemon says that the bytes of the former end.
 * Says nothing; ends with 0 when the stream is over and whole.
 */
import { fstatSync, openSync, readFileSync, writeSync } from "node:fs"
import { connect, type Protocol, type Transport } from "transportd/client"
import { pattern } from "../../support/random.ts"

export interface StreamerParams {
  readonly socket: string
  /** Where to connect to: the first time only. */
  readonly port: number
  readonly name: string
  readonly resumes: boolean
  /** Bytes each way. */
  readonly bytes: number
  readonly seed: number
  /** Files: what came, and up to where was sent, a line for each piece. */
  readonly got: string
  readonly sent: string
  /** Kills itself once it has that many bytes, before they count as consumed. */
  readonly diesAt?: number
}

const PIECE_BYTES = 10_007

const params = JSON.parse(process.argv[2] ?? "") as StreamerParams
const { socket, port, name, resumes, bytes, seed, diesAt = Number.POSITIVE_INFINITY } = params
const data = pattern(bytes, seed)
const got = openSync(params.got, "a+")
const sent = openSync(params.sent, "a+")
let position = fstatSync(got).size

class Stream implements Protocol {
  readonly lost: Promise<Error | null>
  #transport: Transport | null = null
  #written = 0
  #mayWrite = true
  #eofCame = false
  #resolve = (_error: Error | null): void => {}

  constructor() {
    this.lost = new Promise((resolve) => (this.#resolve = resolve))
  }

  begin(transport: Transport, written: number): void {
    this.#transport = transport
    this.#written = written
    this.#write()
  }

  dataReceived(chunk: Buffer): void {
    writeSync(got, chunk)
    position += chunk.length
    if (position >= diesAt) process.kill(process.pid, "SIGKILL")
  }

  bytesLost(from: number, to: number): void {
    throw new Error(`bytes ${from} to ${to} are lost`)
  }

  pauseWriting(): void {
    this.#mayWrite = false
  }

  resumeWriting(): void {
    this.#mayWrite = true
    this.#write()
  }

  /** Half-open until all is written; then it is closed, which flushes. */
  eofReceived(): boolean {
    this.#eofCame = true
    return this.#written < bytes
  }

  connectionLost(error: Error | null): void {
    this.#resolve(error)
  }

  #write(): void {
    while (this.#mayWrite && this.#written < bytes) {
      const piece = data.subarray(this.#written, this.#written + PIECE_BYTES)
      this.#written += piece.length
      writeSync(sent, `${this.#written}\n`)
      this.#transport?.write(piece)
    }
    if (this.#written < bytes) return
    this.#transport?.writeEof()
    if (this.#eofCame) this.#transport?.close()
  }
}

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}

const client = await connect({ socket, exceptionHandler: fail })
const stream = new Stream()
if (resumes) {
  // Stolen, for the daemon may not have noticed yet that the former client is gone.
  const [transport] = await client.loop.attach(() => stream, name, { since: position, steal: true })
  const { channels } = await client.request("transport/describe", { transport: name })
  const written = channels[0]?.written ?? 0
  const [sentTo = "0"] = readFileSync(sent, "latin1").trim().split("\n").slice(-1)
  if (written > Number(sentTo)) fail(`the daemon has ${written} bytes where ${sentTo} were sent`)
  stream.begin(transport, written)
} else {
  const options = { lifetime: "daemon", whenFull: "block", name } as const
  const [transport] = await client.loop.createConnection(() => stream, { host: "127.0.0.1", port, options })
  stream.begin(transport, 0)
}
const error = await stream.lost
if (error !== null) fail(error)
if (position !== bytes) fail(`${position} of ${bytes} bytes came`)
await client.close()
