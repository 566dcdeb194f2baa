/**
 * Well-formed messages that make no sense: params of every declared method, states of the connection, byte messages,
 * transports that are not there, names that JavaScript treats specially.
 */
import { describe, expect, test } from "vitest"
import { accepted } from "../../protocol/registry.ts"
import { byteMessage, frame } from "../support/encode.ts"
import { ask, endure, expectUndisturbed, fails, tell, type Row } from "../support/hostile.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const issues = expect.arrayContaining([{ path: expect.any(String), message: expect.stringMatching(/./) }])
const misfits = (id: string | number): object => fails(id, "InvalidParams", { issues })
const missing = (id: string | number): object => fails(id, "UnknownTransport", { transport: expect.anything() })

/** Values that hardly any field takes. */
const WRONG: unknown[] = [[[]], { "": {} }, null, true, -1, 1.5, 1e300, "\u0000", "x".repeat(140_000)]

describe.each([...accepted.values()].filter(({ kind }) => kind === "request"))("$name", ({ name, params, example }) => {
  const given = example.params as Record<string, unknown>
  const variants = [...Object.keys(given), "transport", "server", "options", "cwd", "env", "args", "timeoutMs", "host"]
    .filter((key, at, keys) => keys.indexOf(key) === at)
    .flatMap((key) => WRONG.map((value) => ({ ...given, [key]: value })))
    .filter((variant) => !params.safeParse(variant).success)

  test("answers params of a wrong type with the issues, and nothing else happens", async () => {
    const { connect, daemon } = await harness.startDaemon()
    const quiet = await connect()
    const client = await connect()
    // `initialize` comes first here, so that its own params are looked at.
    const codes = await Promise.all(variants.map((variant) => client.failure(name, variant)))
    if (name === "initialize") expect(new Set(codes.map(({ code }) => code))).toEqual(new Set([-32600]))
    else for (const error of codes) expect(error).toMatchObject({ code: -32602, data: { issues } })
    await expectUndisturbed(quiet)
    expect(daemon.info()).toMatchObject({ clients: 2, transports: 0, servers: 0 })
  })

  test("ignores the same as notifications", async () => {
    const { connect } = await harness.startDaemon()
    const quiet = await connect()
    const client = await connect()
    for (const variant of variants) client.notify(name, variant)
    client.send({ jsonrpc: "2.0", method: name })
    client.send({ jsonrpc: "2.0", method: name, params: [1, 2] })
    await client.barrier()
    expect(client.received).toHaveLength(2)
    await expectUndisturbed(quiet)
  })
})

const rows: Row[] = [
  {
    name: "an unknown request",
    sends: ask(900, "transport/fly"),
    answers: [fails(900, "MethodNotFound", { method: "transport/fly" })],
  },
  {
    name: "a request with an empty method",
    sends: ask(900, ""),
    answers: [fails(900, "MethodNotFound", { method: "" })],
  },
  {
    name: "a method that every object has",
    sends: ask(900, "toString"),
    answers: [fails(900, "MethodNotFound", { method: "toString" })],
  },
  {
    name: "the method __proto__",
    sends: ask(900, "__proto__"),
    answers: [fails(900, "MethodNotFound", { method: "__proto__" })],
  },
  {
    name: "a callback sent by the client",
    sends: ask(900, "protocol/dataReceived", { transport: 1, data: "" }),
    answers: [fails(900, "MethodNotFound", { method: "protocol/dataReceived" })],
  },
  {
    name: "a notification sent as a request",
    sends: ask(900, "transport/consumed", { transport: 1, offset: 1 }),
    answers: [fails(900, "MethodNotFound", { method: "transport/consumed" })],
  },
  {
    name: "exit sent as a request",
    sends: ask(900, "exit"),
    answers: [fails(900, "MethodNotFound", { method: "exit" })],
  },
  {
    name: "a request of the library's own",
    sends: ask(900, "$/cancelRequest", { id: 1 }),
    answers: [fails(900, "MethodNotFound", { method: "$/cancelRequest" })],
  },
  { name: "an unknown notification", sends: tell("transport/fly") },
  { name: "a callback as a notification", sends: tell("protocol/connectionLost", { transport: 1, error: null }) },
  { name: "a method of a megabyte", sends: tell("m".repeat(1_000_000)) },
  {
    name: "initialize twice",
    sends: ask(900, "initialize", { protocolVersion: 1 }),
    answers: [fails(900, "InvalidRequest")],
  },
  { name: "initialize as a notification", sends: tell("initialize", { protocolVersion: 1 }) },
  { name: "initialized twice", sends: [tell("initialized"), tell("initialized")] },
  {
    name: "a request after shutdown",
    sends: [ask(900, "shutdown"), ask(901, "daemon/info")],
    answers: [{ id: 900, result: null }, fails(901, "InvalidRequest")],
  },
  {
    name: "shutdown twice",
    sends: [ask(900, "shutdown"), ask(901, "shutdown")],
    answers: [{ id: 900, result: null }, fails(901, "InvalidRequest")],
  },
  {
    name: "initialize after shutdown",
    sends: [ask(900, "shutdown"), ask(901, "initialize", { protocolVersion: 1 })],
    answers: [{ id: 900, result: null }, fails(901, "InvalidRequest")],
  },
  { name: "shutdown as a notification", sends: tell("shutdown") },
  {
    name: "a request before initialize",
    uninitialized: true,
    sends: ask(900, "daemon/info"),
    answers: [fails(900, "NotInitialized")],
  },
  {
    name: "an unknown request before initialize",
    uninitialized: true,
    sends: ask(900, "x"),
    answers: [fails(900, "NotInitialized")],
  },
  {
    name: "shutdown before initialize",
    uninitialized: true,
    sends: ask(900, "shutdown"),
    answers: [fails(900, "NotInitialized")],
  },
  {
    name: "a write before initialize",
    uninitialized: true,
    sends: byteMessage("transport/write", '{"transport":1}', "x"),
  },
  {
    name: "initialize with an old version",
    uninitialized: true,
    sends: ask(900, "initialize", { protocolVersion: 0 }),
    answers: [fails(900, "VersionUnsupported", { offered: 0, supported: { oldest: 1, newest: 1 } })],
  },
  { name: "initialize without params", uninitialized: true, sends: ask(900, "initialize"), answers: [misfits(900)] },
  {
    name: "a byte message for a transport that never was",
    sends: byteMessage("transport/write", '{"transport":99}', "x"),
  },
  {
    name: "a byte message without Params",
    sends: frame("x", "Content-Type: application/octet-stream\r\nMethod: transport/write\r\n"),
  },
  {
    name: "a byte message with text beside it",
    sends: byteMessage("transport/write", '{"transport":1,"text":"x"}', "x"),
  },
  { name: "a byte message of an unknown method", sends: byteMessage("transport/fly", '{"transport":1}', "x") },
  { name: "a byte message that is a request elsewhere", sends: byteMessage("daemon/shutdown", "{}", "x") },
  { name: "a byte message with an empty body", sends: byteMessage("transport/write", '{"transport":99}', "") },
  {
    name: "a write of bad base64",
    sends: ask(900, "transport/write", { transport: 1, data: "aGVs$$bG8=" }),
    answers: [misfits(900)],
  },
  {
    name: "a write of unpadded base64",
    sends: ask(900, "transport/write", { transport: 1, data: "aGVsbG8" }),
    answers: [misfits(900)],
  },
  {
    name: "a write of base64 with line breaks",
    sends: ask(900, "transport/write", { transport: 1, data: "aGVs\r\nbG8=\r\n" }),
    answers: [misfits(900)],
  },
  {
    name: "a write of URL base64",
    sends: ask(900, "transport/write", { transport: 1, data: "-_-_" }),
    answers: [misfits(900)],
  },
  {
    name: "a write of base64 with padding inside",
    sends: ask(900, "transport/write", { transport: 1, data: "aGV=bG8=" }),
    answers: [misfits(900)],
  },
  {
    name: "a write of data and text",
    sends: ask(900, "transport/write", { transport: 1, data: "", text: "" }),
    answers: [misfits(900)],
  },
  { name: "a write of neither", sends: ask(900, "transport/write", { transport: 1 }), answers: [misfits(900)] },
  {
    name: "a write to a transport that never was",
    sends: ask(900, "transport/write", { transport: 99, data: "" }),
    answers: [missing(900)],
  },
  {
    name: "a close of a name that nobody has",
    sends: ask(900, "transport/close", { transport: "nobody" }),
    answers: [missing(900)],
  },
  {
    name: "a close of __proto__",
    sends: ask(900, "transport/close", { transport: "__proto__" }),
    answers: [missing(900)],
  },
  {
    name: "a close of constructor",
    sends: ask(900, "server/close", { server: "constructor" }),
    answers: [missing(900)],
  },
  {
    name: "a close of a server that never was",
    sends: ask(900, "server/close", { server: 99 }),
    answers: [missing(900)],
  },
  { name: "a transport of 0", sends: ask(900, "transport/close", { transport: 0 }), answers: [misfits(900)] },
  { name: "a transport of 2^53", sends: ask(900, "transport/close", { transport: 2 ** 53 }), answers: [misfits(900)] },
  {
    name: "a transport with an empty name",
    sends: ask(900, "transport/close", { transport: "" }),
    answers: [misfits(900)],
  },
  {
    name: "a signal that is no signal",
    sends: ask(900, "transport/sendSignal", { transport: 1, signal: "constructor" }),
    answers: [misfits(900)],
  },
  { name: "signal 0", sends: ask(900, "transport/sendSignal", { transport: 1, signal: 0 }), answers: [misfits(900)] },
  {
    name: "a port of -1",
    sends: ask(900, "loop/createConnection", { host: "127.0.0.1", port: -1 }),
    answers: [misfits(900)],
  },
  { name: "a port of 65536", sends: ask(900, "loop/createServer", { port: 65_536 }), answers: [misfits(900)] },
  {
    name: "a NUL in an argument",
    sends: ask(900, "loop/subprocessExec", { program: "true", args: ["a\0b"] }),
    answers: [misfits(900)],
  },
  {
    name: "a NUL in the environment",
    sends: ask(900, "loop/subprocessExec", { program: "true", env: { A: "a\0b" } }),
    answers: [misfits(900)],
  },
  {
    name: "a NUL in the name of a variable",
    sends: ask(900, "loop/subprocessExec", { program: "true", env: { "A\0": "b" } }),
    answers: [misfits(900)],
  },
  {
    name: "a umask that is none",
    sends: ask(900, "loop/subprocessExec", { program: "true", umask: 512 }),
    answers: [misfits(900)],
  },
  {
    name: "a user id beyond all",
    sends: ask(900, "loop/subprocessExec", { program: "true", uid: 4_294_967_296 }),
    answers: [misfits(900)],
  },
  {
    name: "a group id beyond all",
    sends: ask(900, "loop/subprocessExec", { program: "true", gid: 4_294_967_296 }),
    answers: [misfits(900)],
  },
  {
    name: "a window of 0",
    sends: ask(900, "loop/createConnection", { host: "127.0.0.1", port: 1, options: { readWindowBytes: 0 } }),
    answers: [misfits(900)],
  },
  {
    name: "low over high",
    sends: ask(900, "loop/createConnection", {
      host: "127.0.0.1",
      port: 1,
      options: { writeBufferLimits: { highBytes: 1, lowBytes: 2 } },
    }),
    answers: [misfits(900)],
  },
  {
    name: "params with __proto__",
    sends: frame('{"jsonrpc":"2.0","id":900,"method":"transport/close","params":{"__proto__":{"transport":1}}}'),
    answers: [misfits(900)],
  },
  {
    name: "params with an accessor's name",
    sends: ask(900, "daemon/info", { hasOwnProperty: 1, constructor: 2 }),
    answers: [{ id: 900, result: expect.objectContaining({ name: "transportd" }) }],
  },
]

test.each(rows)("$name gets its answer, and the connection goes on", (row) => endure(harness, row))

test("exit without shutdown ends the connection", () =>
  endure(harness, { name: "exit", sends: tell("exit"), goesOn: false }))

test("exit before initialize ends the connection", () =>
  endure(harness, { name: "exit", sends: tell("exit"), goesOn: false, uninitialized: true }))

test("exit between other messages ends the connection after what was asked before it", () =>
  endure(harness, {
    name: "exit in the middle",
    sends: Buffer.concat([ask(900, "test/none"), tell("exit"), tell("transport/fly"), ask(901, "test/none")]),
    goesOn: false,
    answers: [fails(900, "MethodNotFound", { method: "test/none" })],
  }))
