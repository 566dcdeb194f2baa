/**
 * Bytes that are no messages: headers, lengths, encodings, nesting, envelopes, ids.
 * Each row says exactly what is answered and whether the connection goes on; a second client must not notice anything.
 */
import { test } from "vitest"
import { byteMessage, frame } from "../support/encode.ts"
import { ask, endure, fails, tell, type Row } from "../support/hostile.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const PARSE = [fails(null, "ParseError")]
const INVALID = [fails(null, "InvalidRequest")]
const body = '{"jsonrpc":"2.0","id":7,"method":"daemon/info"}'
const unknown = (id: string | number): object => fails(id, "MethodNotFound", { method: "test/none" })
const none = (id: unknown): Buffer => ask(id, "test/none")
const deep = (levels: number): string =>
  `{"jsonrpc":"2.0","id":7,"method":"test/none","params":${"[".repeat(levels)}${"]".repeat(levels)}}`

/** The stream cannot be trusted any more: one answer, then the end. */
const fatal: Array<Omit<Row, "goesOn" | "answers">> = [
  { name: "a header of 8 KiB and one byte", sends: `X: ${"x".repeat(8190)}` },
  {
    name: "a header that never ends",
    sends: Array.from({ length: 40 }, (_, at) => `Field-${at}: ${"x".repeat(300)}\r\n`),
  },
  { name: "no Content-Length", sends: "Content-Type: text/plain\r\n\r\n" },
  { name: "an empty header block", sends: "\r\n" },
  { name: "an empty Content-Length", sends: "Content-Length: \r\n\r\n" },
  { name: "a negative Content-Length", sends: "Content-Length: -5\r\n\r\nhello" },
  { name: "a signed Content-Length", sends: "Content-Length: +5\r\n\r\nhello" },
  { name: "a hexadecimal Content-Length", sends: "Content-Length: 0x10\r\n\r\n0123456789abcdef" },
  { name: "a Content-Length with an exponent", sends: "Content-Length: 1e3\r\n\r\n" },
  { name: "a fractional Content-Length", sends: "Content-Length: 5.0\r\n\r\nhello" },
  { name: "a Content-Length with letters behind it", sends: "Content-Length: 12abc\r\n\r\n" },
  { name: "a Content-Length with a comma", sends: "Content-Length: 1,5\r\n\r\n" },
  { name: "a Content-Length over the bound", sends: "Content-Length: 16777217\r\n\r\n" },
  { name: "a Content-Length of twenty digits", sends: "Content-Length: 99999999999999999999\r\n\r\n" },
  { name: "a Content-Length of a thousand digits", sends: `Content-Length: ${"9".repeat(1000)}\r\n\r\n` },
  { name: "two Content-Lengths", sends: "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" },
  { name: "two equal Content-Lengths", sends: "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello" },
  { name: "a line without a colon", sends: "Content-Length 5\r\n\r\nhello" },
  { name: "a line that is folded", sends: "Content-Length:\r\n 5\r\n\r\nhello" },
  { name: "a space before the colon", sends: "Content-Length : 5\r\n\r\nhello" },
  { name: "lines that end with LF alone", sends: `Content-Length: ${body.length}\n\n${body}` },
  { name: "a CR without LF", sends: "Content-Length: 5\rX: y\r\n\r\nhello" },
  { name: "a NUL in the header", sends: "Content-Length: 5\0\r\n\r\nhello" },
  { name: "UTF-8 in the header", sends: "X-Näme: 1\r\nContent-Length: 5\r\n\r\nhello" },
  { name: "a byte order mark before the header", sends: "\uFEFFContent-Length: 5\r\n\r\nhello" },
  { name: "JSON without a header", sends: `${body}\n` },
  { name: "an HTTP request", sends: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" },
  { name: "a TLS greeting", sends: Buffer.from("16030100f8010000f40303", "hex") },
  { name: "random bytes", sends: Buffer.from("fe34a90b77c2d1e8", "hex") },
  { name: "a byte message without a Method", sends: frame("hello", "Content-Type: application/octet-stream\r\n") },
  { name: "a byte message whose Params are no JSON", sends: byteMessage("transport/write", "{transport:1}", "hello") },
  { name: "a byte message whose Params are an array", sends: byteMessage("transport/write", "[1]", "hello") },
  { name: "a byte message whose Params are null", sends: byteMessage("transport/write", "null", "hello") },
  {
    name: "a byte message with a data of its own",
    sends: byteMessage("transport/write", '{"transport":1,"data":""}', "x"),
  },
  {
    name: "a byte message whose Params nest too deep",
    sends: byteMessage("a", `{"a":${"[".repeat(70)}${"]".repeat(70)}}`, "x"),
  },
  {
    name: "a byte message with two Methods",
    sends: frame("x", "Content-Type: application/octet-stream\r\nMethod: a\r\nMethod: b\r\n"),
  },
]

test.each(fatal)("$name gets one parse error and the end of the connection", (row) =>
  endure(harness, { ...row, goesOn: false, answers: PARSE }),
)

test.each(fatal)("$name gets the same from a client that never said initialize", (row) =>
  endure(harness, { ...row, goesOn: false, answers: PARSE, uninitialized: true }),
)

const bad: Row[] = [
  { name: "an empty body", sends: "Content-Length: 0\r\n\r\n", answers: PARSE },
  { name: "a body of spaces", sends: frame("   "), answers: PARSE },
  { name: "half a JSON text", sends: frame('{"jsonrpc":"2.0","id":7'), answers: PARSE },
  { name: "two JSON texts in one body", sends: frame(`${body}${body}`), answers: PARSE },
  { name: "a byte order mark in the body", sends: frame(`\uFEFF${body}`), answers: PARSE },
  { name: "UTF-16", sends: frame(Buffer.from(body, "utf16le")), answers: PARSE },
  { name: "invalid UTF-8", sends: frame(Buffer.from([0x22, 0xff, 0x22])), answers: PARSE },
  { name: "an overlong UTF-8 sequence", sends: frame(Buffer.from([0x22, 0xc0, 0xaf, 0x22])), answers: PARSE },
  { name: "a UTF-8 surrogate", sends: frame(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), answers: PARSE },
  { name: "NaN", sends: frame('{"jsonrpc":"2.0","id":NaN,"method":"daemon/info"}'), answers: PARSE },
  { name: "65 levels", sends: frame(deep(64)), answers: PARSE },
  { name: "a million levels", sends: frame("[".repeat(1_000_000)), answers: PARSE },
  { name: "64 levels", sends: frame(deep(63)), answers: [unknown(7)] },
  {
    name: "brackets inside a string",
    sends: frame(`{"jsonrpc":"2.0","id":7,"method":"test/none","params":{"a":"${"[".repeat(100)}"}}`),
    answers: [unknown(7)],
  },
  { name: "a batch", sends: frame(`[${body},${body}]`), answers: INVALID },
  { name: "an empty batch", sends: frame("[]"), answers: INVALID },
  { name: "a number", sends: frame("42"), answers: INVALID },
  { name: "null", sends: frame("null"), answers: INVALID },
  { name: "a string", sends: frame('"daemon/info"'), answers: INVALID },
  { name: "an empty object", sends: frame("{}"), answers: INVALID },
  {
    name: "a request without jsonrpc",
    sends: frame('{"id":7,"method":"daemon/info"}'),
    answers: [fails(7, "InvalidRequest")],
  },
  {
    name: "a request of JSON-RPC 1.0",
    sends: frame('{"jsonrpc":"1.0","id":7,"method":"daemon/info"}'),
    answers: [fails(7, "InvalidRequest")],
  },
  {
    name: "jsonrpc as a number",
    sends: frame('{"jsonrpc":2.0,"id":7,"method":"daemon/info"}'),
    answers: [fails(7, "InvalidRequest")],
  },
  { name: "a notification without jsonrpc", sends: frame('{"method":"daemon/info"}'), answers: INVALID },
  { name: "an id alone", sends: frame('{"jsonrpc":"2.0","id":7}'), answers: [fails(7, "InvalidRequest")] },
  { name: "a method that is a number", sends: ask(7, 42), answers: [fails(7, "InvalidRequest")] },
  { name: "a method that is null", sends: ask(7, null), answers: [fails(7, "InvalidRequest")] },
  { name: "params that are a string", sends: ask(7, "daemon/info", "x"), answers: [fails(7, "InvalidRequest")] },
  { name: "params that are a number", sends: ask(7, "daemon/info", 3), answers: [fails(7, "InvalidRequest")] },
  {
    name: "params that are an array",
    sends: ask(7, "transport/close", [1]),
    answers: [
      fails(7, "InvalidParams", { issues: [{ path: "", message: "Invalid input: expected object, received array" }] }),
    ],
  },
  { name: "an id that is null", sends: ask(null, "daemon/info"), answers: INVALID },
  { name: "an id that is fractional", sends: ask(1.5, "daemon/info"), answers: INVALID },
  { name: "an id that is beyond 2^53", sends: ask(2 ** 53, "daemon/info"), answers: INVALID },
  {
    name: "an id that overflows",
    sends: frame('{"jsonrpc":"2.0","id":1e400,"method":"daemon/info"}'),
    answers: INVALID,
  },
  { name: "an id that is true", sends: ask(true, "daemon/info"), answers: INVALID },
  { name: "an id that is an object", sends: ask({}, "daemon/info"), answers: INVALID },
  { name: "an id of 257 bytes", sends: ask("i".repeat(257), "daemon/info"), answers: INVALID },
  { name: "an id of 256 bytes", sends: none("i".repeat(256)), answers: [unknown("i".repeat(256))] },
  { name: "an id that is empty", sends: none(""), answers: [unknown("")] },
  { name: "an id that is negative", sends: none(-7), answers: [unknown(-7)] },
  { name: "an id that is __proto__", sends: none("__proto__"), answers: [unknown("__proto__")] },
  {
    name: 'the ids 7 and "7" at once',
    sends: [Buffer.concat([none(7), none("7")])],
    answers: [unknown(7), unknown("7")],
  },
  {
    name: "a header in odd case with an extra field",
    sends: `content-LENGTH:${none(7).length - 22}\r\nX-Extra: 1\r\n\r\n${none(7).toString().slice(22)}`,
    answers: [unknown(7)],
  },
  { name: "params that are null", sends: ask(7, "test/none", null), answers: [unknown(7)] },
  {
    name: "further members",
    sends: frame('{"jsonrpc":"2.0","id":7,"method":"test/none","extra":{"a":[1]}}'),
    answers: [unknown(7)],
  },
  {
    name: "a member twice",
    sends: frame('{"jsonrpc":"2.0","id":6,"id":7,"method":"test/none"}'),
    answers: [unknown(7)],
  },
  { name: "a response to nothing", sends: frame('{"jsonrpc":"2.0","id":7,"result":1}') },
  {
    name: "an error response to nothing",
    sends: frame('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}'),
  },
  {
    name: "a response with result and error",
    sends: frame('{"jsonrpc":"2.0","id":7,"result":1,"error":{"code":1,"message":"x"}}'),
  },
  { name: "an error response that is a string", sends: frame('{"jsonrpc":"2.0","id":7,"error":"x"}') },
  { name: "a cancellation of nothing", sends: tell("$/cancelRequest", { id: 7 }) },
  {
    name: "a cancellation of nothing, then a request of that id",
    sends: [tell("$/cancelRequest", { id: 7 }), none(7)],
    answers: [unknown(7)],
  },
  { name: "a cancellation without params", sends: tell("$/cancelRequest") },
  { name: "a cancellation of null", sends: frame('{"jsonrpc":"2.0","method":"$/cancelRequest","params":null}') },
  { name: "a cancellation of an object", sends: tell("$/cancelRequest", { id: {} }) },
  { name: "progress without params", sends: tell("$/progress") },
  { name: "progress of null", sends: frame('{"jsonrpc":"2.0","method":"$/progress","params":null}') },
  { name: "a trace of nothing", sends: tell("$/setTrace") },
  { name: "a trace of null", sends: frame('{"jsonrpc":"2.0","method":"$/setTrace","params":null}') },
  { name: "a notification that the library would know", sends: tell("$/unknown", { a: 1 }) },
]

test.each(bad)("$name gets its answer, and the connection goes on", (row) => endure(harness, row))

const lines: Row[] = [
  { name: "a line that is no JSON", sends: "hello\n", answers: PARSE },
  { name: "a header", sends: "Content-Length: 5\r\n\r\n", answers: PARSE },
  { name: "a byte order mark", sends: `\uFEFF${body}\n`, answers: PARSE },
  { name: "a batch", sends: `[${body}]\n`, answers: INVALID },
  { name: "empty lines", sends: "\n\r\n\n" },
  {
    name: "a line that ends with CR LF",
    sends: '{"jsonrpc":"2.0","id":7,"method":"test/none"}\r\n',
    answers: [unknown(7)],
  },
  { name: "invalid UTF-8", sends: Buffer.from([0x22, 0xff, 0x22, 0x0a]), answers: PARSE },
]

test.each(lines)("with newline framing $name gets its answer, and the connection goes on", (row) =>
  endure(harness, { ...row, framing: "newline" }),
)

test("with newline framing a line over the bound gets one parse error and the end of the connection", () =>
  endure(harness, {
    name: "a long line",
    sends: "x".repeat(4096),
    framing: "newline",
    settings: { maxMessageBytes: 2048 },
    goesOn: false,
    answers: PARSE,
  }))
