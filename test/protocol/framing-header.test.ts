/**
 * Header blocks and bodies as pure functions: what is accepted, what is refused, and that each byte is looked at once.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ERRORS } from "../../protocol/errors.ts"
import { judgeBody } from "../../protocol/framing/body.ts"
import {
  byteHeader,
  byteHeaderMiddle,
  findHeaderEnd,
  jsonHeader,
  parseHeader,
  toAscii,
} from "../../protocol/framing/header.ts"
import { nestsDeeperThan } from "../../protocol/framing/nesting.ts"
import { MAX_MESSAGE_BYTES, MAX_NESTING, MAX_REQUEST_ID_BYTES } from "../../protocol/limits.ts"

const parse = (block: string) => parseHeader(block, MAX_MESSAGE_BYTES, MAX_NESTING)
const judge = (body: string | Buffer) => judgeBody(Buffer.from(body as string), MAX_NESTING)
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)

/** The same bytes, with every look at one of them counted. */
function counted(bytes: Buffer): { bytes: Uint8Array; reads: () => number } {
  let reads = 0
  const proxy = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && Number.isInteger(Number(key))) reads++
      return Reflect.get(target, key, target) as unknown
    },
  })
  return { bytes: proxy, reads: () => reads }
}

describe("the end of a header block", () => {
  it("is found wherever the search was interrupted", () => {
    const block = Buffer.from("Content-Length: 5\r\nX: y\r\n\r\nhello")
    const blockEnd = block.length - 5
    for (let cut = 0; cut < blockEnd; cut++) {
      expect(findHeaderEnd(block, 0, 0, cut)).toBe(-1)
      expect(findHeaderEnd(block, 0, cut, block.length)).toBe(blockEnd)
    }
  })

  it("is found behind other bytes of the same chunk", () => {
    const chunk = Buffer.from("}}}Content-Length: 5\r\n\r\nhello")
    expect(findHeaderEnd(chunk, 3, 3, chunk.length)).toBe(chunk.length - 5)
  })

  it("is found in an empty block, which the parser then refuses", () => {
    expect(findHeaderEnd(Buffer.from("\r\n"), 0, 0, 2)).toBe(2)
  })

  it("costs a bounded number of looks per byte, however often the search is resumed", () => {
    const block = counted(Buffer.from(`Content-Length: 5\r\nX: ${"y".repeat(2_000)}\r\n\r\n`))
    const { length } = block.bytes
    for (let end = 1; end <= length; end++) findHeaderEnd(block.bytes, 0, end - 1, end)
    expect(block.reads()).toBeLessThanOrEqual(3 * length)
  })
})

describe("a header block", () => {
  it.each([
    ["upper case", "CONTENT-LENGTH: 5\r\n\r\n"],
    ["no space", "content-length:5\r\n\r\n"],
    ["spaces around", "Content-Length:  5 \r\n\r\n"],
    ["leading zeros", "Content-Length: 0005\r\n\r\n"],
    ["a content type", "Content-Length: 5\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n"],
    ["a strange content type", "Content-Type: :-)\r\nContent-Length: 5\r\n\r\n"],
    ["an unknown field", "X-Trace_Id: 1:2:3\r\nContent-Length: 5\r\n\r\n"],
    ["method and params of a JSON message", "Content-Length: 5\r\nMethod:\r\nParams: [\r\n\r\n"],
  ])("is accepted with %s", (_, block) => {
    expect(parse(block)).toEqual({ contentLength: 5, byteMessage: undefined })
  })

  it.each([
    ["params", 'Params: {"transport":7}\r\n', { transport: 7 }],
    ["no params", "", {}],
    ["escaped params", 'Params: {"name":"\\u00e9\\ud83d\\ude00"}\r\n', { name: "é😀" }],
  ])("makes a byte message with %s", (_, line, params) => {
    const type = "Content-Type: Application/Octet-Stream; x=y\r\n"
    expect(parse(`content-length: 0\r\n${type}mEtHoD: protocol/dataReceived\r\n${line}\r\n`)).toEqual({
      contentLength: 0,
      byteMessage: { method: "protocol/dataReceived", params },
    })
  })

  it("cannot change a prototype through its params", () => {
    const { byteMessage } = parse(byteHeader(0, byteHeaderMiddle("m")!, JSON.parse('{"__proto__":{"evil":1}}')))
    expect(Object.getPrototypeOf(byteMessage!.params)).toBe(Object.prototype)
    expect(byteMessage!.params.evil).toBeUndefined()
  })

  it("survives being built and parsed, whatever the params hold", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ stringUnit: "binary" })), (params) => {
        const { data: _, ...rest } = params
        const block = byteHeader(3, byteHeaderMiddle("a/b")!, { ...params, data: Buffer.alloc(3) })
        expect(findHeaderEnd(Buffer.from(block), 0, 0, Buffer.byteLength(block))).toBe(block.length)
        const parsed = parse(block).byteMessage!.params
        expect(parsed).toEqual(JSON.parse(JSON.stringify(rest)))
      }),
    )
  })

  it("is not built for a method that cannot stand in it", () => {
    for (const method of ["", "é", "a\r\nb", "a\tb", " a", "a "]) expect(byteHeaderMiddle(method)).toBeUndefined()
  })

  it("has ASCII only", () => {
    expect(toAscii('"aé\u007f😀"')).toBe('"a\\u00e9\\u007f\\ud83d\\ude00"')
    expect(jsonHeader(12)).toBe("Content-Length: 12\r\n\r\n")
  })
})

describe("nesting", () => {
  it.each([
    [nested(64), false],
    [nested(65), true],
    [`${"[]".repeat(200)}`, false],
    [`${'{"a":['.repeat(32)}${"]}".repeat(32)}`, false],
    [`${'{"a":['.repeat(33)}${"]}".repeat(33)}`, true],
    [`"${"[".repeat(100)}"`, false],
    [`["${"\\\\".repeat(50)}",${nested(64)}]`, true],
    [`["\\"${"[".repeat(100)}"]`, false],
    [`["\\\\",${nested(63)}]`, false],
    [`["unfinished ${"[".repeat(100)}`, false],
  ])("of %s is over 64: %s", (json, deeper) => {
    expect(nestsDeeperThan(64, Buffer.from(json))).toBe(deeper)
    expect(nestsDeeperThan(64, json)).toBe(deeper)
  })

  it("is counted as a parser would count it", () => {
    const depth = (value: unknown): number =>
      typeof value !== "object" || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depth))
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 12 }), fc.integer({ min: 0, max: 8 }), (value, cap) => {
        const json = JSON.stringify(value)
        expect(nestsDeeperThan(cap, Buffer.from(json))).toBe(json.length > cap && depth(value) > cap)
      }),
    )
  })
})

describe("a body", () => {
  it.each([
    '{"jsonrpc":"2.0","id":1,"method":"m"}',
    '{"jsonrpc":"2.0","id":"","method":"m","params":null}',
    '{"jsonrpc":"2.0","id":-1,"method":"m","params":[]}',
    '{"jsonrpc":"2.0","method":"m","params":{"data":"AA=="},"extra":1}',
    `{"jsonrpc":"2.0","id":"${"a".repeat(MAX_REQUEST_ID_BYTES)}","method":"m"}`,
    '{"jsonrpc":"2.0","id":1,"result":null}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}',
    ' \r\n{"jsonrpc":"2.0","method":"m"}\n',
  ])("is a message: %s", (json) => {
    expect(judge(json)).toEqual({ kind: "message", message: JSON.parse(json) })
  })

  it.each<[string, string | Buffer]>([
    ["nothing", ""],
    ["no JSON", "{"],
    ["two values", "{}{}"],
    ["a byte order mark", '\ufeff{"jsonrpc":"2.0","method":"m"}'],
    ["invalid UTF-8", Buffer.from('{"jsonrpc":"2.0","method":"\xff"}', "latin1")],
    ["a lone surrogate in UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["nesting over the cap", `{"jsonrpc":"2.0","id":1,"method":"m","params":${nested(MAX_NESTING)}}`],
  ])("with %s is a ParseError with a null id", (_, body) => {
    expect(judge(body)).toMatchObject({ kind: "rejected", id: null, error: { code: ERRORS.ParseError.code } })
  })

  it.each<[string, string, string | number | null]>([
    ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"m"}]', null],
    ["a number", "1", null],
    ["a string", '"x"', null],
    ["null", "null", null],
    ["an empty object", "{}", null],
    ["no jsonrpc", '{"id":1,"method":"m"}', 1],
    ["jsonrpc 1.0", '{"jsonrpc":"1.0","id":"a","method":"m"}', "a"],
    ["jsonrpc as a number", '{"jsonrpc":2.0,"id":1,"method":"m"}', 1],
    ["a null id", '{"jsonrpc":"2.0","id":null,"method":"m"}', null],
    ["an object as id", '{"jsonrpc":"2.0","id":{},"method":"m"}', null],
    ["a boolean as id", '{"jsonrpc":"2.0","id":true,"method":"m"}', null],
    ["a fraction as id", '{"jsonrpc":"2.0","id":1.5,"method":"m"}', null],
    ["an unsafe integer as id", '{"jsonrpc":"2.0","id":9007199254740992,"method":"m"}', null],
    ["an infinite id", '{"jsonrpc":"2.0","id":1e400,"method":"m"}', null],
    ["a long id", `{"jsonrpc":"2.0","id":"${"a".repeat(MAX_REQUEST_ID_BYTES + 1)}","method":"m"}`, null],
    ["an id long in bytes", `{"jsonrpc":"2.0","id":"${"é".repeat(MAX_REQUEST_ID_BYTES / 2 + 1)}","method":"m"}`, null],
    ["no method", '{"jsonrpc":"2.0","id":1}', 1],
    ["a method that is a number", '{"jsonrpc":"2.0","id":1,"method":1}', 1],
    ["a null method", '{"jsonrpc":"2.0","id":1,"method":null}', 1],
    ["params that are a string", '{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}', 1],
    ["params that are a number", '{"jsonrpc":"2.0","id":1,"method":"m","params":0}', 1],
    ["params that are false", '{"jsonrpc":"2.0","method":"m","params":false}', null],
    ["its method in a prototype", '{"jsonrpc":"2.0","id":1,"__proto__":{"method":"m"}}', 1],
  ])("with %s is an InvalidRequest", (_, body, id) => {
    expect(judge(body)).toMatchObject({ kind: "rejected", id, error: { code: ERRORS.InvalidRequest.code } })
  })

  it.each([
    '{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"m"}}',
    '{"jsonrpc":"2.0","id":1,"error":null}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"m"}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
    '{"jsonrpc":"2.0","id":null,"result":1}',
    '{"jsonrpc":"2.0","result":1}',
    '{"jsonrpc":"2.0","id":1.5,"result":1}',
    '{"id":1,"result":1}',
  ])("that is a malformed response is dropped without an answer: %s", (body) => {
    expect(judge(body)).toEqual({ kind: "dropped" })
  })

  it("never gets into the error's message", () => {
    expect(JSON.stringify(judge('{"password":"hunter2"'))).not.toContain("hunter2")
  })
})
