/**
 * FrameReader on a hand-fed stream: what breaks it, what it survives, what pausing means, and how much work it does.
 */
import { Readable } from "node:stream"
import fc from "fast-check"
import { afterEach, describe, expect, it, vi } from "vitest"
import type { Message } from "vscode-jsonrpc/node"
import { ERRORS, type RpcError } from "../../protocol/errors.ts"
import { judgeBody, judgeDataBody, type Rejection, type Verdict } from "../../protocol/framing/body.ts"
import { findHeaderEnd, jsonHeader, toAscii } from "../../protocol/framing/header.ts"
import { ReadMemory } from "../../protocol/framing/memory.ts"
import { FrameReader, type FrameReaderOptions } from "../../protocol/framing/reader.ts"
import { MAX_HEADER_BYTES, MAX_MESSAGE_BYTES } from "../../protocol/limits.ts"
import { pattern } from "../support/random.ts"

// Real functions, with their calls recorded: so the tests can count how many bytes the search looks at.
vi.mock("../../protocol/framing/header.ts", { spy: true })

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const frame = (body: string): string => jsonHeader(Buffer.byteLength(body)) + body
const note = (method: string): Message => ({ jsonrpc: "2.0", method }) as Message
const noteFrame = (method: string): string => frame(JSON.stringify(note(method)))
const bytesFrame = (data: string, fields: string): string =>
  `Content-Length: ${data.length}\r\nContent-Type: application/octet-stream\r\n${fields}\r\n${data}`

function open(options: Partial<FrameReaderOptions> = {}) {
  const input = new Readable({ read() {} })
  const reader = new FrameReader(input, { framing: "header", ...options })
  const log = {
    messages: [] as Message[],
    rejected: [] as Rejection[],
    broken: [] as RpcError[],
    errors: [] as Error[],
    closed: 0,
  }
  reader.onReject((rejection) => log.rejected.push(rejection))
  reader.onBroken((error) => log.broken.push(error))
  reader.onError((error) => log.errors.push(error))
  reader.onClose(() => log.closed++)
  /** Gives each chunk as one `data` event and waits until it is read. */
  const feed = async (...chunks: (string | Uint8Array)[]): Promise<void> => {
    for (const chunk of chunks) input.push(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk)
    await turn()
  }
  const feedBytes = (text: string): Promise<void> =>
    feed(...Array.from(Buffer.from(text, "latin1"), (byte) => Buffer.of(byte)))
  const listen = () => reader.listen((message) => log.messages.push(message))
  return { input, reader, feed, feedBytes, ...log, log, listen }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe("framing that cannot be trusted", () => {
  const good = noteFrame("after")
  it.each([
    ["an empty header block", "\r\n"],
    ["no Content-Length", "Content-Type: x\r\n\r\n"],
    ["an empty Content-Length", "Content-Length: \r\n\r\n"],
    ["a negative Content-Length", "Content-Length: -5\r\n\r\n"],
    ["a signed Content-Length", "Content-Length: +5\r\n\r\n"],
    ["a hexadecimal Content-Length", "Content-Length: 0x10\r\n\r\n"],
    ["a Content-Length with a unit", "Content-Length: 12abc\r\n\r\n"],
    ["a fractional Content-Length", "Content-Length: 1.5\r\n\r\n"],
    ["a Content-Length list", "Content-Length: 5, 5\r\n\r\n"],
    ["a Content-Length with an exponent", "Content-Length: 1e2\r\n\r\n"],
    ["a Content-Length twice", "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"],
    ["a Content-Length twice in another case", "Content-Length: 5\r\nCONTENT-LENGTH: 6\r\n\r\n"],
    ["a Content-Length over the cap", `Content-Length: ${MAX_MESSAGE_BYTES + 1}\r\n\r\n`],
    ["a Content-Length of 300 digits", `Content-Length: ${"9".repeat(300)}\r\n\r\n`],
    ["a Content-Length of 400 digits", `Content-Length: ${"9".repeat(400)}\r\n\r\n`],
    ["a Content-Type twice", "Content-Length: 5\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n"],
    ["a stray line", "listening on port 80\r\nContent-Length: 5\r\n\r\n"],
    ["a stray line with a colon", "Debugger listening on ws://x\r\nContent-Length: 5\r\n\r\n"],
    ["a nameless field", ": x\r\nContent-Length: 5\r\n\r\n"],
    ["a space before the colon", "Content-Length : 5\r\n\r\n"],
    ["a folded line", "Content-Type: a\r\n b\r\nContent-Length: 5\r\n\r\n"],
    ["LF-only line ends", "Content-Length: 5\n\n"],
    ["an LF-only empty line", "Content-Length: 5\r\n\n"],
    ["a lone CR", "Content-Length: 5\rX: y\r\n\r\n"],
    ["a NUL", "Content-Length: 5\0\r\n\r\n"],
    ["a non-ASCII byte", "Content-Type: \xe9\r\nContent-Length: 5\r\n\r\n"],
    ["newline framing", '{"jsonrpc":"2.0","method":"m"}'],
    ["a byte message without Method", bytesFrame("x", "")],
    ["a byte message with an empty Method", bytesFrame("x", "Method: \r\n")],
    ["a byte message with two Methods", bytesFrame("x", "Method: a\r\nMethod: b\r\n")],
    ["Params that are no JSON", bytesFrame("x", "Method: m\r\nParams: {\r\n")],
    ["empty Params", bytesFrame("x", "Method: m\r\nParams:\r\n")],
    ["Params that are an array", bytesFrame("x", "Method: m\r\nParams: []\r\n")],
    ["Params that are null", bytesFrame("x", "Method: m\r\nParams: null\r\n")],
    ["Params that are a number", bytesFrame("x", "Method: m\r\nParams: 7\r\n")],
    ["Params with data of their own", bytesFrame("x", 'Method: m\r\nParams: {"data":""}\r\n')],
    ["Params that nest too deep", bytesFrame("x", `Method: m\r\nParams: {"a":${"[".repeat(64)}${"]".repeat(64)}}\r\n`)],
    ["Params twice", bytesFrame("x", "Method: m\r\nParams: {}\r\nParams: {}\r\n")],
  ])("%s breaks the reader once, with a ParseError, and nothing behind it is read", async (_, bad) => {
    for (const cut of [false, true]) {
      const { reader, feed, feedBytes, messages, rejected, broken, listen } = open()
      listen()
      await feed(noteFrame("before"))
      if (cut) await feedBytes(bad)
      else await feed(bad)
      await feed(good, good)
      expect(broken).toHaveLength(1)
      expect(broken[0]!.code).toBe(ERRORS.ParseError.code)
      expect(messages).toEqual([note("before")])
      expect(rejected).toEqual([])
      reader.dispose()
    }
  })

  it("is noticed after the good messages of the same chunk were delivered, and the end is still told", async () => {
    const { input, feed, log, listen } = open()
    listen()
    await feed(noteFrame("a") + noteFrame("b") + "\r\n" + noteFrame("c"))
    expect(log.messages).toEqual([note("a"), note("b")])
    expect(log.broken).toHaveLength(1)
    await feed(noteFrame("d"))
    expect(input.readableLength).toBe(0)
    input.push(null)
    await turn()
    expect(log.closed).toBe(1)
  })

  it("refuses a length over the cap before it keeps any of the body", async () => {
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow")
    const { feed, broken, listen } = open()
    listen()
    await feed(`Content-Length: ${MAX_MESSAGE_BYTES + 1}\r\n\r\n`)
    expect(broken).toHaveLength(1)
    expect(allocated).not.toHaveBeenCalled()
  })

  it("accepts a length at the cap, and takes its body", async () => {
    const { feed, broken, messages, listen } = open({ maxMessageBytes: 100 })
    listen()
    await feed(frame(JSON.stringify(note("m".repeat(100 - JSON.stringify(note("")).length)))))
    expect(broken).toEqual([])
    expect(messages).toHaveLength(1)
  })

  it("ends a header that never ends exactly at the cap, one byte at a time", async () => {
    const { input, broken, listen } = open()
    listen()
    input.push(Buffer.from("X"))
    for (let sent = 1; sent < MAX_HEADER_BYTES - 1; sent++) input.push(Buffer.from(sent === 1 ? ":" : "y"))
    await turn()
    expect(broken).toEqual([])
    input.push(Buffer.from("y"))
    await turn()
    expect(broken).toHaveLength(1)
  })

  it("accepts a header block that fills the cap and refuses one byte more", async () => {
    for (const [extra, refusals] of [
      [0, 0],
      [1, 1],
    ] as const) {
      for (const cut of [1, 5, MAX_HEADER_BYTES - 1]) {
        const { feed, broken, messages, listen } = open()
        listen()
        const body = JSON.stringify(note("m"))
        const fields = `Content-Length: ${body.length}\r\nX: `
        const block = `${fields}${"y".repeat(MAX_HEADER_BYTES - fields.length - 4 + extra)}\r\n\r\n`
        await feed(block.slice(0, cut), block.slice(cut) + body)
        expect(broken).toHaveLength(refusals)
        expect(messages).toHaveLength(1 - refusals)
      }
    }
  })

  it("refuses a line over the cap with newline framing, with or without its end", async () => {
    for (const chunks of [["x".repeat(101) + "\n"], ["x".repeat(102)], ["x".repeat(50), "x".repeat(52)]]) {
      const { feed, broken, rejected, listen } = open({ framing: "newline", maxMessageBytes: 100 })
      listen()
      await feed(...chunks)
      expect(broken).toHaveLength(1)
      expect(broken[0]!.code).toBe(ERRORS.ParseError.code)
      expect(rejected).toEqual([])
    }
  })

  it("accepts a line at the cap with either line end", async () => {
    const { feed, broken, rejected, listen } = open({ framing: "newline", maxMessageBytes: 100 })
    listen()
    await feed("x".repeat(100) + "\n", "x".repeat(100), "\r\n")
    expect(broken).toEqual([])
    expect(rejected).toHaveLength(2)
  })
})

describe("a correct frame without a message", () => {
  it("is rejected in its place, and reading goes on", async () => {
    const { reader, feed, messages, log, listen } = open()
    const order: string[] = []
    reader.onReject(({ error, id }) => order.push(`${error.code} ${id}`))
    reader.listen((message) => order.push((message as unknown as { method: string }).method))
    await feed(noteFrame("a") + frame("") + frame("[]") + frame('{"id":"x","method":"m"}') + noteFrame("b"))
    expect(order).toEqual(["a", "-32700 null", "-32600 null", "-32600 x", "b"])
    expect(messages).toEqual([])
    expect(log.broken).toEqual([])
    expect(() => listen()).toThrow("already listening")
  })

  it("is counted and not answered when it is a response", async () => {
    const { reader, feed, rejected, messages, listen } = open({ framing: "newline" })
    listen()
    await feed('{"jsonrpc":"2.0","id":1,"result":1,"error":{}}\n{"jsonrpc":"2.0","method":"m"}\n')
    expect(rejected).toEqual([])
    expect(messages).toEqual([note("m")])
    expect(reader.malformedResponses).toBe(1)
  })
})

describe("newline framing", () => {
  it("takes LF and CRLF, skips empty lines, and does not deliver an unfinished last line", async () => {
    const { input, feed, messages, rejected, log, listen } = open({ framing: "newline" })
    listen()
    const [a, b, c] = ["a", "b", "c"].map((method) => JSON.stringify(note(method)))
    await feed(`\n\r\n${a}\n\n${b}\r`, `\n\r\n${c}`)
    input.push(null)
    await turn()
    expect(messages).toEqual([note("a"), note("b")])
    expect(rejected).toEqual([])
    expect(log.closed).toBe(1)
  })
})

describe("a byte message", () => {
  it("is a notification with data, which is not copied when it lies within one chunk", async () => {
    const { feed, messages, listen } = open()
    listen()
    const chunk = Buffer.from(bytesFrame("hello", 'Method: m\r\nParams: {"transport":7}\r\n') + noteFrame("next"))
    await feed(chunk)
    expect(messages).toEqual([
      { jsonrpc: "2.0", method: "m", params: { transport: 7, data: Buffer.from("hello") } },
      note("next"),
    ])
    const { data } = (messages[0] as unknown as { params: { data: Buffer } }).params
    expect(data.buffer).toBe(chunk.buffer)
  })

  it("may be empty, also as the last thing that comes", async () => {
    const { feed, messages, listen } = open()
    listen()
    await feed(bytesFrame("", "Method: m\r\n"))
    expect(messages).toEqual([{ jsonrpc: "2.0", method: "m", params: { data: Buffer.alloc(0) } }])
  })
})

describe("the work", () => {
  it("for a body in one-byte chunks is one allocation and one copy of each byte", async () => {
    const data = "x".repeat(5_000)
    const header = bytesFrame("", "Method: m\r\n").replace("Content-Length: 0", `Content-Length: ${data.length}`)
    const chunks = Array.from(Buffer.from(data), (byte) => Buffer.of(byte))
    const { feed, messages, listen } = open()
    listen()
    await feed(header)
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow")
    const copied = vi.spyOn(Buffer.prototype, "copy")
    const joined = vi.spyOn(Buffer, "concat")
    await feed(...chunks)
    const lengths = copied.mock.results.map(({ value }) => value as number)
    expect(messages).toHaveLength(1)
    expect(allocated.mock.calls).toEqual([[data.length]])
    expect(lengths.reduce((sum, bytes) => sum + bytes, 0)).toBe(data.length)
    expect(joined).not.toHaveBeenCalled()
  })

  it("for a header or a line in one-byte chunks is at most three copies of each byte", async () => {
    const method = "m".repeat(6_000)
    const header = bytesFrame("", `Method: ${method}\r\n`)
    for (const [framing, text] of [
      ["header", header],
      ["newline", `${JSON.stringify(note(method))}\n`],
    ] as const) {
      const { feedBytes, messages, listen } = open({ framing })
      listen()
      const copied = vi.spyOn(Buffer.prototype, "copy")
      await feedBytes(text)
      const bytes = copied.mock.results.reduce((sum, { value }) => sum + (value as number), 0)
      copied.mockRestore()
      expect(messages).toHaveLength(1)
      expect(bytes).toBeLessThanOrEqual(3 * text.length)
    }
  })

  it("for a header in one-byte chunks is one look at each byte", async () => {
    const header = bytesFrame("", `Method: ${"m".repeat(6_000)}\r\n`)
    const { feedBytes, messages, listen } = open()
    listen()
    vi.mocked(findHeaderEnd).mockClear()
    await feedBytes(header)
    const looks = vi.mocked(findHeaderEnd).mock.calls.reduce((sum, [, , from, end]) => sum + end - from, 0)
    expect(messages).toHaveLength(1)
    expect(looks).toBe(header.length)
  })

  it("for frames within one chunk is no copy at all", async () => {
    const { feed, messages, listen } = open()
    listen()
    const chunk = Buffer.from(noteFrame("a").repeat(100))
    const copied = vi.spyOn(Buffer.prototype, "copy")
    await feed(chunk)
    expect(messages).toHaveLength(100)
    expect(copied).not.toHaveBeenCalled()
  })
})

describe("an input that uses the memory of its chunks again", () => {
  const bodies = ["a".repeat(3000), "", "b", "c".repeat(40), "d".repeat(700)]
  const stream = bodies
    .map((body, index) => bytesFrame(body, `Method: m\r\nParams: {"index":${index}}\r\n`) + noteFrame(`n${index}`))
    .join("")

  it.each([1, 7, 64, 500, 10_000])(
    "delivers whole messages, also when paused, from chunks of %i bytes",
    async (size) => {
      const memory = new ReadMemory()
      const { input, reader, messages } = open({ memory })
      reader.listen((message) => {
        messages.push(message)
        if (messages.length % 3 !== 0) return
        reader.pause()
        setImmediate(() => reader.resume())
      })

      for (let at = 0; at < stream.length; at += size) {
        const room = memory.room()
        const bytes = room.write(stream.slice(at, at + size), "latin1")
        input.emit("data", memory.filled(bytes))
      }
      while (messages.length < 2 * bodies.length) await turn()
      const told = messages.map((message) => message as { method?: string; params?: { index: number; data: Buffer } })
      expect(told.filter(({ params }) => params === undefined).map(({ method }) => method)).toEqual(
        bodies.map((_, index) => `n${index}`),
      )
      expect(told.flatMap(({ params }) => (params === undefined ? [] : params.data.toString()))).toEqual(bodies)
    },
  )
})

describe("memory that is read into again", () => {
  const lengths = fc.array(
    fc.oneof(fc.nat(40), fc.integer({ min: 7_000, max: 9_000 }), fc.nat(90_000), fc.nat(400_000)),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 300_000 })), {
    minLength: 1,
    maxLength: 6,
  })

  it.each([false, true])(
    "holds each body in one piece, and as long as it was promised (lent: %s)",
    async (lendsBytes) => {
      await fc.assert(
        fc.asyncProperty(lengths, cuts, async (bodies, sizes) => {
          const memory = new ReadMemory()
          const { input, reader } = open({ memory, lendsBytes })
          const told: Array<{ data: Buffer; asItCame: Buffer; isOwn: boolean }> = []
          reader.listen((message) => {
            const { data } = (message as unknown as { params: { data: Buffer } }).params
            const isOwn = !lendsBytes || told.length % 2 === 0
            told.push({ data: isOwn ? reader.own(data) : data, asItCame: Buffer.from(data), isOwn })
            if (told.length % 3 === 0) reader.pause()
          })
          const expected = bodies.map((length, index) => pattern(length, index + 1))
          const stream = Buffer.concat(
            expected.flatMap((body) => {
              const header = `Content-Length: ${body.length}\r\nContent-Type: application/octet-stream\r\nMethod: m\r\n\r\n`
              return [Buffer.from(header), body]
            }),
          )
          for (let at = 0, n = 0; at < stream.length; n++) {
            const bytes = stream.copy(memory.room(), 0, at, at + (sizes[n % sizes.length] ?? 1))
            at += bytes
            input.emit("data", memory.filled(bytes))
            // Not at once: the socket has asked for room meanwhile, as it does after each read.
            memory.room()
            if (n % 2 === 0) reader.resume()
          }
          while (told.length < expected.length) reader.resume()
          // What comes later must not lie where a body is that somebody has.
          for (let n = 0; n < 5; n++) memory.filled(memory.room().fill("#").length)
          expect(told).toHaveLength(expected.length)
          for (const [index, { data, asItCame, isOwn }] of told.entries()) {
            expect(asItCame.equals(expected[index] as Buffer)).toBe(true)
            if (isOwn) expect(data.equals(asItCame)).toBe(true)
          }
        }),
        { numRuns: 25 },
      )
    },
  )

  it("is one buffer for all that is not kept", () => {
    const memory = new ReadMemory()
    const { input, reader } = open({ memory, lendsBytes: true })
    const buffers = new Set<ArrayBufferLike>()
    reader.listen((message) => buffers.add((message as unknown as { params: { data: Buffer } }).params.data.buffer))
    for (let n = 0; n < 100; n++) {
      const bytes = memory.room().write(bytesFrame("x".repeat(20_000), "Method: m\r\n"), "latin1")
      input.emit("data", memory.filled(bytes))
    }
    expect(buffers.size).toBe(1)
  })
})

describe("large base64 in a JSON body", () => {
  const payload = fc.oneof(
    fc.uint8Array({ minLength: 1500, maxLength: 4000 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    fc.constantFrom("A".repeat(4001), "-".repeat(4000), `${"A".repeat(4000)}\\n`, "é".repeat(2000), "A".repeat(3999)),
  )
  const members = fc.uniqueArray(
    fc.tuple(
      fc.constantFrom("transport", "addr", "d\\u0061ta", "text", "params"),
      fc.constantFrom("7", '"x"', '{"data":""}', '"\\"data\\":\\""', "[1"),
    ),
    { selector: ([name]) => name, maxLength: 2 },
  )
  const body = fc
    .tuple(payload, members, members, fc.constantFrom('"params":', '"other":'), fc.constantFrom("", " ", "]"))
    .map(([data, before, after, holder, end]) => {
      const inside = [
        ...before.map(([name, value]) => `"${name}":${value}`),
        `"data":"${data}"`,
        ...after.map(([name, value]) => `"${name}":${value}`),
      ]
      return Buffer.from(`{"jsonrpc":"2.0","method":"m",${holder}{${inside.join(",")}}}${end}`)
    })
  const asText = (verdict: Verdict): unknown =>
    JSON.parse(
      JSON.stringify(verdict, (_name, value: unknown) => {
        // A Buffer has become JSON of its own by now.
        const { type, data } = (value ?? {}) as { type?: string; data?: number[] }
        return type === "Buffer" && Array.isArray(data) ? Buffer.from(data).toString("base64") : value
      }),
    )

  it("is the same bytes as the text would be, and whatever is not so plain is judged as ever", () => {
    let apart = 0
    const memory = Buffer.alloc(2500)
    const check = fc.property(body, fc.boolean(), (bytes, lends) => {
      const verdict = judgeDataBody(bytes, 64, lends ? memory : undefined)
      const { params } = ((verdict as { message?: unknown }).message ?? {}) as { params?: { data?: unknown } }
      if (params?.data instanceof Uint8Array) apart++
      expect(asText(verdict)).toEqual(asText(judgeBody(bytes, 64)))
    })
    fc.assert(check, { numRuns: 400 })
    expect(apart).toBeGreaterThan(0)
  })
})

describe("a header that came before", () => {
  it("is read as if it were new, and what it gives is nobody else's", async () => {
    const flat = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null))
    const value = fc.oneof(flat, fc.array(flat, { maxLength: 2 }), fc.dictionary(fc.string(), flat, { maxKeys: 2 }))
    const names = fc.constantFrom("transport", "addr", "fd", "offset", "__proto__")
    const params = fc.dictionary(names, value, { maxKeys: 3 })
    await fc.assert(
      fc.asyncProperty(
        params,
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 5 }),
        async (given, lengths) => {
          const { feed, reader } = open()
          const line = toAscii(JSON.stringify(given))
          const told: Array<[json: string, bytes: number]> = []
          reader.listen((message) => {
            const { params } = message as unknown as { params: Record<string, unknown> & { data?: Buffer } }
            const { data, ...others } = params
            told.push([JSON.stringify(others), data?.length ?? -1])
            // Whoever gets them may change them.
            for (const own of Object.values(others)) if (own instanceof Object) Object.assign(own, { changed: 1 })
            params.changed = 1
          })
          for (const length of lengths) await feed(bytesFrame("x".repeat(length), `Method: m\r\nParams: ${line}\r\n`))
          expect(told).toEqual(lengths.map((length) => [JSON.stringify(JSON.parse(line)), length]))
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe("pausing", () => {
  it.each(["header", "newline"] as const)("delivers nothing until resumed, then all in order (%s)", async (framing) => {
    const { reader, input, feed, messages, listen } = open({ framing })
    const wrap = (method: string) => (framing === "header" ? noteFrame(method) : `${JSON.stringify(note(method))}\n`)
    reader.pause()
    reader.pause()
    listen()
    await feed(wrap("a") + wrap("b"), wrap("c"))
    expect(messages).toEqual([])
    expect(input.isPaused()).toBe(true)
    reader.resume()
    reader.resume()
    await turn()
    expect(messages).toEqual([note("a"), note("b"), note("c")])
  })

  it("may happen inside a callback and holds back the rest of the chunk", async () => {
    const { reader, input, feed } = open()
    const seen: string[] = []
    reader.listen((message) => {
      seen.push((message as unknown as { method: string }).method)
      reader.pause()
    })
    await feed(noteFrame("a") + noteFrame("b") + noteFrame("c"), noteFrame("d"))
    for (const expected of ["a", "ab", "abc", "abcd"]) {
      expect(seen.join("")).toBe(expected)
      expect(input.isPaused()).toBe(true)
      reader.resume()
      await turn()
    }
    expect(input.isPaused()).toBe(false)
  })

  it("keeps order when a callback pauses and resumes, and when the stream goes on while paused", async () => {
    const { reader, input } = open()
    const seen: string[] = []
    reader.listen((message) => {
      const { method } = message as unknown as { method: string }
      seen.push(`<${method}`)
      reader.pause()
      reader.resume()
      seen.push(`${method}>`)
    })
    reader.pause()
    for (const method of ["a", "b", "c"]) input.emit("data", Buffer.from(noteFrame(method) + noteFrame(`${method}2`)))
    expect(seen).toEqual([])
    reader.resume()
    expect(seen.join("")).toBe("<aa><a2a2><bb><b2b2><cc><c2c2>")
  })

  it("holds back the end of input too, so that it comes after the last message", async () => {
    const { reader, input, feed, log, listen } = open()
    reader.onClose(() => log.messages.push(note("closed")))
    listen()
    await feed(noteFrame("a"))
    reader.pause()
    input.emit("data", Buffer.from(noteFrame("b")))
    input.destroy()
    await turn()
    expect(log.closed).toBe(0)
    reader.resume()
    expect(log.messages).toEqual([note("a"), note("b"), note("closed")])
    expect(log.closed).toBe(1)
  })

  it("does not hold back the end when nothing waits", async () => {
    const { reader, input, feed, log, listen } = open()
    listen()
    await feed(noteFrame("a") + "Content-")
    reader.pause()
    input.destroy()
    await turn()
    expect(log.closed).toBe(1)
  })
})

describe("the end of input", () => {
  it("in mid-frame discards the partial frame, breaks nothing, and closes once", async () => {
    const whole = noteFrame("a") + bytesFrame("hello", "Method: m\r\n")
    for (let cut = noteFrame("a").length; cut < whole.length; cut++) {
      const { input, feed, log, listen } = open()
      listen()
      await feed(whole.slice(0, cut))
      input.push(null)
      await turn()
      expect(log).toMatchObject({ messages: [note("a")], broken: [], rejected: [], errors: [], closed: 1 })
    }
  })

  it("by an error is told as that error and one close", async () => {
    const { input, log, listen } = open()
    listen()
    input.destroy(new Error("ECONNRESET"))
    await turn()
    expect(log.errors.map(({ message }) => message)).toEqual(["ECONNRESET"])
    expect(log.closed).toBe(1)
  })

  it("that happened before anybody looked is still told", async () => {
    const input = new Readable({ read() {} })
    input.destroy()
    await turn()
    const reader = new FrameReader(input, { framing: "header" })
    let closed = 0
    reader.onClose(() => closed++)
    reader.listen(() => {})
    await turn()
    expect(closed).toBe(1)
  })
})

describe("disposing", () => {
  it("inside a callback drops the rest, silences every event and survives a late stream error", async () => {
    const { reader, input, feed, log } = open()
    const seen: Message[] = []
    const listening = reader.listen((message) => {
      seen.push(message)
      listening.dispose()
    })
    await feed(noteFrame("a") + noteFrame("b"), "\r\n")
    input.destroy(new Error("late"))
    await turn()
    expect(seen).toEqual([note("a")])
    expect(log).toMatchObject({ broken: [], errors: [], closed: 0 })
  })

  it("is not needed for a callback that throws: the error is told and the next message comes", async () => {
    const { reader, feed, log } = open()
    const seen: Message[] = []
    reader.listen((message) => {
      seen.push(message)
      if (seen.length === 1) throw new Error("bug")
    })
    await feed(noteFrame("a") + noteFrame("b"))
    expect(seen).toEqual([note("a"), note("b")])
    expect(log.errors.map(({ message }) => message)).toEqual(["bug"])
  })
})
