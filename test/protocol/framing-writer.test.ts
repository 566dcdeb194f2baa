/**
 * FrameWriter into a fake stream: the bytes of each form, one write per turn, and what a gone stream means;
 * and FrameWriter into FrameReader: whatever is written is read back, however it is cut.
 */
import { PassThrough, Readable, Writable } from "node:stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createMessageConnection } from "vscode-jsonrpc/node"
import type { Message } from "vscode-jsonrpc/node"
import { FrameReader, type Framing } from "../../protocol/framing/reader.ts"
import { FrameWriter } from "../../protocol/framing/writer.ts"
import { MAX_HEADER_BYTES } from "../../protocol/limits.ts"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const message = (fields: object): Message => ({ jsonrpc: "2.0", ...fields }) as Message

/** A stream that notes each call it gets from Node, that is each system call a socket would make. */
class Sink extends Writable {
  readonly calls: Buffer[][] = []
  /** While true, what was written stays pending. */
  stalled = false
  #release: (() => void) | undefined

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#take([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  #take(chunks: Buffer[], done: () => void): void {
    this.calls.push(chunks)
    if (this.stalled) this.#release = done
    else done()
  }

  release(): void {
    this.stalled = false
    this.#release?.()
  }

  get text(): string {
    return Buffer.concat(this.calls.flat()).toString()
  }
}

function open(framing: Framing = "header", byteMessages = false) {
  const sink = new Sink()
  const writer = new FrameWriter(sink, { framing })
  writer.byteMessages = byteMessages
  const log = { drains: 0, closed: 0, errors: [] as Error[] }
  writer.onDrain(() => log.drains++)
  writer.onClose(() => log.closed++)
  writer.onError(([error]) => log.errors.push(error))
  return { sink, writer, log }
}

describe("the form of a message", () => {
  const bytes = message({ method: "protocol/dataReceived", params: { transport: 7, data: Buffer.from("hello") } })
  const json = '{"jsonrpc":"2.0","method":"protocol/dataReceived","params":{"transport":7,"data":"aGVsbG8="}}'

  it("is a byte message for a notification with bytes, once the other side reads them", async () => {
    const { sink, writer } = open("header", true)
    void writer.write(bytes)
    await turn()
    expect(sink.text).toBe(
      "Content-Length: 5\r\nContent-Type: application/octet-stream\r\n" +
        'Method: protocol/dataReceived\r\nParams: {"transport":7}\r\n\r\nhello',
    )
  })

  it.each([
    ["header", false, `Content-Length: ${json.length}\r\n\r\n${json}`],
    ["newline", false, `${json}\n`],
    ["newline", true, `${json}\n`],
  ] as const)("is JSON with base64 (%s framing, byte messages %s)", async (framing, byteMessages, expected) => {
    const { sink, writer } = open(framing, byteMessages)
    void writer.write(bytes)
    await turn()
    expect(sink.text).toBe(expected)
  })

  it("is JSON for a request with bytes, and for what a header cannot say", async () => {
    const data = new Uint8Array([0, 255])
    for (const fields of [
      { id: 1, method: "transport/write", params: { data } },
      { method: "é", params: { data } },
      { method: "m", params: { name: "x".repeat(MAX_HEADER_BYTES), data } },
    ]) {
      const { sink, writer } = open("header", true)
      void writer.write(message(fields))
      await turn()
      const body = sink.text.slice(sink.text.indexOf("\r\n\r\n") + 4)
      expect(JSON.parse(body)).toEqual({ jsonrpc: "2.0", ...fields, params: { ...fields.params, data: "AP8=" } })
    }
  })

  it("hands a large payload on at once, behind all that was written before, and leaves its memory to the caller", () => {
    const { sink, writer } = open("header", true)
    const data = new Uint8Array(new ArrayBuffer(50_000), 3, 40_000).fill(7)
    void writer.write(message({ method: "before" }))
    void writer.write(message({ method: "m", params: { data } }))
    data.fill(8)
    const [all] = sink.calls[0]!
    expect(Buffer.from(all!).toString("latin1", 0, all!.length - 40_000)).toMatch(/"before".*Content-Length: 40000/s)
    expect(all!.subarray(-40_000).every((byte) => byte === 7)).toBe(true)
    expect(writer.pendingBytes).toBe(0)
  })

  it("joins small payloads with what is around them, byte for byte", async () => {
    const { sink, writer } = open("header", true)
    const data = Buffer.from([0xff, 0x00, 0xc3])
    void writer.write(message({ method: "é" }))
    void writer.write(message({ method: "m", params: { data } }))
    void writer.write(message({ method: "after" }))
    await turn()
    expect(sink.calls.map((pieces) => pieces.length)).toEqual([1])
    const [all] = sink.calls[0]!
    const at = Buffer.from(all!).indexOf(data)
    expect(Buffer.from(all!).toString("utf8", 0, at)).toMatch(/"é".*Content-Length: 3\r\n.*\r\n\r\n$/s)
    expect(Buffer.from(all!).toString("utf8", at + data.length)).toMatch(/^Content-Length: .*"after"/s)
  })

  it("counts bytes, not characters", async () => {
    const { sink, writer } = open()
    void writer.write(message({ method: "é😀" }))
    const pending = writer.pendingBytes
    await turn()
    expect(Buffer.byteLength(sink.text)).toBe(pending)
    expect(sink.text).toContain(`Content-Length: ${Buffer.byteLength('{"jsonrpc":"2.0","method":"é😀"}')}\r\n`)
  })
})

describe("the messages of one turn", () => {
  it("leave in one write, in order, and the next turn's in another", async () => {
    const { sink, writer } = open("header", true)
    for (const first of [0, 100]) {
      for (let n = first; n < first + 100; n++) {
        const params = n % 3 === 0 ? { n, data: Buffer.from(`<${n}>`) } : { n }
        void writer.write(message({ method: "m", params }))
        // Still the same turn: promises and ticks do not end it.
        if (n % 10 === 0) await Promise.resolve()
        if (n % 25 === 0) await new Promise<void>((resolve) => process.nextTick(resolve))
      }
      await turn()
    }
    expect(sink.calls).toHaveLength(2)
    const order = [...sink.text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n))
    expect(order).toEqual(Array.from({ length: 200 }, (_, n) => n))
  })

  it("leave at once when the writer is ended or disposed", () => {
    for (const last of ["end", "dispose"] as const) {
      const { sink, writer } = open()
      void writer.write(message({ method: "m" }))
      expect(sink.calls).toHaveLength(0)
      writer[last]()
      writer[last]()
      expect(sink.calls).toHaveLength(1)
      expect(sink.writableEnded).toBe(last === "end")
    }
  })

  it("are pending until the system took them, and a drain tells when all of them are gone", async () => {
    const { sink, writer, log } = open("header", true)
    sink.stalled = true
    void writer.write(message({ method: "m", params: { data: Buffer.alloc(200_000) } }))
    void writer.write(message({ method: "m" }))
    const accepted = writer.pendingBytes
    await turn()
    expect(writer.pendingBytes).toBe(accepted)
    expect(log.drains).toBe(0)
    sink.release()
    await turn()
    expect(writer.pendingBytes).toBe(0)
    expect(log.drains).toBe(1)
    expect(accepted).toBe(sink.calls.flat().reduce((sum, chunk) => sum + chunk.length, 0))
  })

  it("resolve at once, with a stalled stream too", async () => {
    const { sink, writer } = open()
    sink.stalled = true
    for (let n = 0; n < 1_000; n++) await writer.write(message({ method: "m" }))
    expect(writer.write(message({ method: "m" }))).toBe(writer.write(message({ method: "m" })))
  })
})

describe("a message for nobody", () => {
  it.each<[string, (sink: Sink, writer: FrameWriter) => void]>([
    ["the writer was ended", (_, writer) => writer.end()],
    ["the writer was disposed", (_, writer) => writer.dispose()],
    ["the stream was ended", (sink) => sink.end()],
    ["the stream was destroyed", (sink) => sink.destroy()],
    ["the stream failed", (sink) => sink.destroy(new Error("EPIPE"))],
  ])("is dropped and counted when %s", async (_, leave) => {
    const { sink, writer } = open()
    leave(sink, writer)
    await turn()
    await writer.write(message({ method: "m" }))
    await turn()
    expect(writer.droppedMessages).toBe(1)
    expect(sink.text).toBe("")
  })

  it("does no harm when the stream goes between accepting and flushing", async () => {
    for (const leave of [(sink: Sink) => sink.destroy(), (sink: Sink) => sink.end()]) {
      const { sink, writer, log } = open()
      void writer.write(message({ method: "m" }))
      leave(sink)
      await turn()
      expect(log.errors).toEqual([])
      expect(log.closed).toBe(1)
    }
  })

  it("is refused by a rejection when JSON cannot express it, and nothing of it is sent", async () => {
    const { sink, writer } = open()
    await expect(writer.write(message({ method: "m", params: { n: 1n } }))).rejects.toThrow(TypeError)
    await turn()
    expect(sink.text).toBe("")
  })
})

describe("the end of the stream", () => {
  it("is told once, and its error once", async () => {
    const { sink, log } = open()
    sink.destroy(new Error("EPIPE"))
    await turn()
    sink.emit("error", new Error("again"))
    sink.emit("close")
    expect(log.errors.map((error) => error.message)).toEqual(["EPIPE"])
    expect(log.closed).toBe(1)
  })
})

describe("a vscode-jsonrpc connection", () => {
  it("works over both halves, and closes with the stream", async () => {
    const [there, back] = [new PassThrough(), new PassThrough()]
    const connect = (input: PassThrough, output: PassThrough) =>
      createMessageConnection(
        new FrameReader(input, { framing: "header" }),
        new FrameWriter(output, { framing: "header" }),
      )
    const [asking, answering] = [connect(back, there), connect(there, back)]
    answering.onRequest("double", (n: number[]) => n.map((each) => each * 2))
    const closed = new Promise<void>((resolve) => answering.onClose(() => resolve()))
    asking.listen()
    answering.listen()
    expect(await asking.sendRequest("double", [1, 2])).toEqual([2, 4])
    asking.end()
    await closed
    asking.dispose()
    answering.dispose()
  })
})

describe("what one side writes", () => {
  const json = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" })
  const params = fc.dictionary(fc.string({ unit: "binary" }), json)
  const id = fc.oneof(fc.maxSafeInteger(), fc.string({ maxLength: 20 }))
  const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data))
  const fields = fc.oneof(
    fc.record({ id, method: fc.string(), params: fc.oneof(params, fc.array(json)) }),
    fc.record({ method: fc.string(), params }, { requiredKeys: ["method"] }),
    fc.record({ id, result: json }),
    fc.record({ id, error: fc.record({ code: fc.integer(), message: fc.string() }) }),
    fc
      .record({ method: fc.string(), params, data: bytes })
      .map(({ method, params: rest, data }) => ({ method, params: { ...rest, data } })),
  )
  const cuts = fc.oneof(fc.constant([1]), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }))

  /** Bytes read and base64 read mean the same; -0 has no JSON. */
  const normal = (value: Message, asBytes: boolean): unknown => {
    const { params: own } = value as unknown as { params?: { data?: unknown } }
    const data = own?.data
    const plain = JSON.parse(JSON.stringify(value)) as { params: { data: unknown } }
    if (data instanceof Uint8Array)
      plain.params.data = asBytes ? Buffer.from(data) : Buffer.from(data).toString("base64")
    return plain
  }
  const carriesBytes = (value: Message): boolean =>
    (value as unknown as { params?: { data?: unknown } }).params?.data instanceof Uint8Array

  it.each([
    ["header", true],
    ["header", false],
    ["newline", true],
  ] as const)(
    "the other reads back, wherever it is cut (%s framing, byte messages %s)",
    async (framing, byteMessages) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fields, { maxLength: 8 }), cuts, async (list, lengths) => {
          const messages = list.map((each) => message(each))
          const { sink, writer } = open(framing, byteMessages)
          for (const each of messages) void writer.write(each)
          writer.end()
          const wire = Buffer.concat(sink.calls.flat())

          const input = new Readable({ read() {} })
          const reader = new FrameReader(input, { framing })
          const read: Message[] = []
          const problems: unknown[] = []
          reader.onReject((rejection) => problems.push(rejection))
          reader.onBroken((error) => problems.push(error))
          const closed = new Promise<void>((resolve) => reader.onClose(() => resolve()))
          reader.listen((each) => read.push(each))
          for (let at = 0, n = 0; at < wire.length; n++) {
            const length = lengths[n % lengths.length]!
            input.push(wire.subarray(at, at + length))
            at += length
          }
          input.push(null)
          await closed

          expect(problems).toEqual([])
          // Which form a message took, the reader's side tells: bytes, or base64.
          expect(read.map((each) => normal(each, carriesBytes(each)))).toEqual(
            messages.map((each, n) => normal(each, read[n] !== undefined && carriesBytes(read[n]))),
          )
        }),
        { numRuns: 200 },
      )
    },
  )
})
