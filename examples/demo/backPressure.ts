/** Scene: a reader that does not read. The writer is told to pause, nothing is lost, and nothing grows without a bound. */
import { createHash, type Hash } from "node:crypto"
import type { Client, Protocol, Transport } from "transportd/client"
import { bytes, until, type Stage } from "./stage.ts"

const PIECE = Buffer.alloc(65_536, "transportd ")
const TOTAL_BYTES = 512 * PIECE.length

/** Writes piece after piece while nobody says pause. */
class Writer implements Protocol {
  readonly sent: Hash = createHash("sha256")
  writtenBytes = 0
  paused = false
  pauses = 0
  resumes = 0
  /** What the first pause found: inside which call, and how much was buffered. */
  firstPause: { readonly insideWrite: boolean; readonly bufferedBytes: number } | null = null
  mostBufferedBytes = 0
  mostBufferedAtResumeBytes = 0
  #transport: Transport | null = null
  #writing = false

  connectionMade(transport: Transport): void {
    this.#transport = transport
    this.#write()
  }

  pauseWriting(): void {
    this.paused = true
    this.pauses++
    this.firstPause ??= { insideWrite: this.#writing, bufferedBytes: this.#bufferedBytes }
  }

  resumeWriting(): void {
    this.paused = false
    this.resumes++
    this.mostBufferedAtResumeBytes = Math.max(this.mostBufferedAtResumeBytes, this.#bufferedBytes)
    this.#write()
  }

  get #bufferedBytes(): number {
    return this.#transport?.getWriteBufferSize() ?? 0
  }

  #write(): void {
    while (!this.paused && this.writtenBytes < TOTAL_BYTES) {
      this.writtenBytes += PIECE.length
      this.sent.update(PIECE)
      this.#writing = true
      this.#transport?.write(PIECE)
      this.#writing = false
      this.mostBufferedBytes = Math.max(this.mostBufferedBytes, this.#bufferedBytes)
    }
    if (this.writtenBytes === TOTAL_BYTES) this.#transport?.writeEof()
  }
}

/** Reads nothing until it is told to. */
class Reader implements Protocol {
  readonly got: Hash = createHash("sha256")
  receivedBytes = 0
  transport: Transport | null = null
  readonly ended: Promise<void>
  #end = (): void => {}

  constructor() {
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  connectionMade(transport: Transport): void {
    this.transport = transport
    transport.pauseReading()
  }

  dataReceived(data: Buffer): void {
    this.receivedBytes += data.length
    this.got.update(data)
  }

  connectionLost(): void {
    this.#end()
  }
}

export async function backPressure(stage: Stage, client: Client): Promise<void> {
  const { loop } = client
  const reader = new Reader()
  const server = await loop.createServer(() => reader, { host: "127.0.0.1", port: 0 })
  const { port } = server.sockets[0] as { port: number }
  const [transport, writer] = await loop.createConnection(() => new Writer(), { host: "127.0.0.1", port })
  stage.say(`the writer has ${bytes(TOTAL_BYTES)} for a reader that has paused`)

  const first = writer.firstPause
  stage.expect(
    `pauseWriting came inside write(), with ${bytes(first?.bufferedBytes ?? 0)} buffered (high water ${bytes(65_536)})`,
    first?.insideWrite === true && first.bufferedBytes > 65_536,
    first,
  )
  await standstill(client, transport.id)
  const [from, to] = await Promise.all([counts(client, transport.id), counts(client, reader.transport?.id ?? 0)])
  stage.say("the writer stands still:")
  stage.say(`  written by the client        ${bytes(writer.writtenBytes)}`)
  stage.say(`  handed to the system         ${bytes(from.flushed)}`)
  stage.say(`  read from the other end      ${bytes(to.received)}`)
  stage.say(`  consumed by the reader       ${bytes(to.consumed)}`)
  stage.expect("it is paused, having been resumed before", writer.paused && writer.resumes === writer.pauses - 1, [
    writer.pauses,
    writer.resumes,
  ])
  stage.expect(
    `it wrote less than all of it, and the reader heard of 0 bytes`,
    writer.writtenBytes < TOTAL_BYTES && reader.receivedBytes === 0,
  )
  stage.expect(
    `its buffer holds ${bytes(transport.getWriteBufferSize())}: over the low water of ${bytes(16_384)}`,
    transport.getWriteBufferSize() === writer.writtenBytes - from.flushed && transport.getWriteBufferSize() > 16_384,
    [transport.getWriteBufferSize(), from],
  )

  reader.transport?.resumeReading()
  stage.say("the reader resumes")
  await reader.ended
  await until("the writer is lost", () => transport.isClosing())
  stage.expect(`all ${bytes(TOTAL_BYTES)} arrived`, reader.receivedBytes === TOTAL_BYTES, reader.receivedBytes)
  stage.expect("in the order written (the same SHA-256)", reader.got.digest("hex") === writer.sent.digest("hex"))
  stage.expect(
    `${writer.pauses} pauses, ${writer.resumes} resumes, each resume with at most ${bytes(16_384)} buffered (low water)`,
    writer.pauses === writer.resumes && writer.mostBufferedAtResumeBytes <= 16_384,
    writer.mostBufferedAtResumeBytes,
  )
  stage.expect(
    `at no time were more than ${bytes(writer.mostBufferedBytes)} buffered: high water and one piece at most`,
    writer.mostBufferedBytes <= 65_536 + PIECE.length,
  )
  server.close()
}

/** Resolves when nothing has moved for a while. */
async function standstill(client: Client, id: number): Promise<void> {
  let [before, still] = ["", 0]
  await until("nothing moves any more", async () => {
    const now = JSON.stringify(await counts(client, id))
    still = now === before ? still + 1 : 0
    before = now
    return still === 10
  })
}

interface Counts {
  readonly received: number
  readonly consumed: number
  readonly flushed: number
}

async function counts(client: Client, transport: number): Promise<Counts> {
  const { channels } = await client.request("transport/describe", { transport })
  return channels[0] as Counts
}
