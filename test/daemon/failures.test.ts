/**
 * What goes wrong in the world, and what a client hears of it: each cause has its own code and tells what the system
 * said. Whatever fails leaves nothing: no transport, no name, no descriptor, no process.
 */
import { once } from "node:events"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect as netConnect, type Socket } from "node:net"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import type { RawClient } from "../support/client.ts"
import { expectUndisturbed } from "../support/hostile.ts"
import { closedPort, echo, listenPeer, visit } from "../support/peers.ts"
import { cat, shell } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

interface Made {
  transport: number
  pid: number
}

async function start(): Promise<RawClient> {
  return await (await harness.startDaemon()).connect()
}

function open(client: RawClient, port: number, options: object = {}): Promise<Made> {
  return client.request<Made>("loop/createConnection", { host: "127.0.0.1", port, options })
}

test("a refused connection is OsFailure with ECONNREFUSED and the address", async () => {
  const client = await start()
  const port = await closedPort()
  expect(await client.failure("loop/createConnection", { host: "127.0.0.1", port })).toMatchObject({
    code: 1201,
    data: { errno: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1", port },
  })
  await expectUndisturbed(client)
})

test("a port in use is OsFailure with EADDRINUSE, and neither a server nor its name is left", async () => {
  const client = await start()
  const { port } = await listenPeer(harness)
  const params = { host: "127.0.0.1", port, options: { name: "taken" } }
  expect(await client.failure("loop/createServer", params)).toMatchObject({
    code: 1201,
    data: { errno: "EADDRINUSE", syscall: "listen", address: "127.0.0.1", port },
  })
  await expectUndisturbed(client)
  await client.request("loop/createServer", { ...params, port: 0 })
})

test("an address that is not ours is OsFailure with EADDRNOTAVAIL", async () => {
  const client = await start()
  expect(await client.failure("loop/createServer", { host: "192.0.2.1", port: 0 })).toMatchObject({
    code: 1201,
    data: { errno: "EADDRNOTAVAIL" },
  })
})

const names: Array<[string, string]> = [
  ["that cannot exist", "no-such-host.invalid"],
  ["with an empty label", "a..b.invalid"],
  ["with a NUL", "127.0.0.1\0.invalid"],
  ["with a space", "a b.invalid"],
  ["that is too long", "a".repeat(1000)],
  ["of half a character", "\ud800"],
  ["that is bad punycode", "xn--\u0080.invalid"],
]

test.each(names)("a host name %s is ResolveFailed, to dial and to listen", async (_what, host) => {
  const client = await start()
  for (const method of ["loop/createConnection", "loop/createServer"]) {
    const error = await client.failure(method, { host, port: 1 })
    expect([method, error]).toEqual([
      method,
      expect.objectContaining({ code: 1202, data: { host, reason: expect.any(String) } }),
    ])
  }
  await expectUndisturbed(client)
})

test("a local address that is no address is refused with a code of the table", async () => {
  const client = await start()
  const { port } = await listenPeer(harness)
  const dial = (host: string): Promise<object> =>
    client.failure("loop/createConnection", { host: "127.0.0.1", port, localAddr: { host, port: 0 } })
  expect(await dial("no-such-host.invalid")).toMatchObject({ code: 1202 })
  expect(await dial("192.0.2.1")).toMatchObject({ code: 1201, data: { errno: "EADDRNOTAVAIL" } })
})

test("a missing program is SpawnFailed with ENOENT", async () => {
  const client = await start()
  for (const stderr of ["pipe", "stdout"]) {
    expect(await client.failure("loop/subprocessExec", { program: "/no/such/program", stderr })).toMatchObject({
      code: 1501,
      data: { file: "/no/such/program", errno: "ENOENT" },
    })
  }
  expect(await client.failure("loop/subprocessExec", { program: "no-such-program" })).toMatchObject({ code: 1501 })
  await expectUndisturbed(client)
})

test("a program that is not executable is SpawnFailed with EACCES, and so is a directory", async () => {
  const folder = await mkdtemp(join(tmpdir(), "transportd-"))
  harness.cleanup(() => rm(folder, { recursive: true }))
  const file = join(folder, "plain.txt")
  await writeFile(file, "#!/bin/sh\n")
  await chmod(file, 0o644)
  const client = await start()
  for (const program of [file, folder]) {
    expect(await client.failure("loop/subprocessExec", { program })).toMatchObject({
      code: 1501,
      data: { file: program, errno: "EACCES" },
    })
  }
})

test("a command line beyond what the system takes is SpawnFailed with E2BIG", async () => {
  const client = await start()
  const args = Array.from({ length: 100 }, () => "x".repeat(131_000))
  expect(await client.failure("loop/subprocessExec", { program: "true", args })).toMatchObject({
    code: 1501,
    data: { file: "true", errno: "E2BIG" },
  })
})

test("a bad working directory is OsFailure with its reason, not a missing program", async () => {
  const client = await start()
  const reasons = { "/no/such/folder": "ENOENT", "/etc/passwd": "ENOTDIR", "": "ENOENT" }
  for (const [cwd, errno] of Object.entries(reasons)) {
    expect(await client.failure("loop/subprocessExec", { ...cat, cwd })).toMatchObject({
      code: 1201,
      data: { errno, syscall: "chdir", path: cwd },
    })
  }
})

test("a transport that was closed is TransportClosed, and to close it again is fine", async () => {
  const client = await start()
  const { port } = await listenPeer(harness)
  const { transport } = await open(client, port)
  await client.request("transport/close", { transport })
  await client.lost(transport)
  expect(await client.failure("transport/write", { transport, text: "x" })).toEqual({
    code: 1102,
    message: expect.any(String),
    data: { transport },
  })
  for (const method of ["close", "abort", "pauseReading", "resumeReading", "writeEof"]) {
    expect(await client.request(`transport/${method}`, { transport })).toBeNull()
  }
  expect(await client.request("transport/isClosing", { transport })).toBe(true)
  expect(client.callbacks(transport)).toEqual(["connectionMade", "connectionLost"])
})

test("a transport that the remote reset is TransportBroken, in the loss and ever after", async () => {
  const client = await start()
  const peer = await listenPeer(harness)
  const { transport } = await open(client, peer.port)
  ;(await peer.accepted()).resetAndDestroy()
  const broken = { code: 1103, message: expect.any(String), data: { transport, errno: "ECONNRESET" } }
  expect((await client.lost(transport)).params.error).toEqual(broken)
  expect(await client.failure("transport/write", { transport, text: "x" })).toEqual(broken)
  expect(await client.request("transport/close", { transport })).toBeNull()
})

test("what waits for a flush when the remote resets fails with TransportBroken", async () => {
  const client = await start()
  const peer = await listenPeer(harness)
  const { transport } = await open(client, peer.port)
  const answer = client.ask("transport/write", { transport, data: Buffer.alloc(8_000_000) })
  await client.barrier()
  ;(await peer.accepted()).resetAndDestroy()
  expect((await answer).error).toMatchObject({ code: 1103, data: { transport } })
  await client.lost(transport)
})

test("an id that never was is UnknownTransport", async () => {
  const client = await start()
  for (const method of ["close", "describe", "isReading", "getExtraInfo", "configure"]) {
    const error = await client.failure(`transport/${method}`, { transport: 4711, name: "peername" })
    expect(error).toMatchObject({ code: 1101, data: { transport: 4711 } })
  }
})

test("a name in use is NameTaken, and free again once its bearer has ended", async () => {
  const client = await start()
  const { port } = await listenPeer(harness)
  const { transport } = await open(client, port, { name: "one" })
  const taken = { code: 1106, data: { name: "one" } }
  expect(
    await client.failure("loop/createConnection", { host: "127.0.0.1", port, options: { name: "one" } }),
  ).toMatchObject(taken)
  expect(await client.failure("loop/createServer", { port: 0, options: { name: "one" } })).toMatchObject(taken)
  expect(await client.failure("loop/subprocessExec", { ...cat, options: { name: "one" } })).toMatchObject(taken)
  await client.request("transport/close", { transport: "one" })
  await client.lost(transport)
  const refused = { host: "127.0.0.1", port: await closedPort(), options: { name: "one" } }
  expect(await client.failure("loop/createConnection", refused)).toMatchObject({ code: 1201 })
  const again = await open(client, port, { name: "one" })
  expect(again.transport).not.toBe(transport)
})

test("a transport or server of another client is NotOwner, and goes on", async () => {
  const { connect } = await harness.startDaemon()
  const [owner, other] = [await connect(), await connect()]
  const peer = await listenPeer(harness, echo)
  const { transport } = await open(owner, peer.port)
  const { server } = await owner.request<{ server: number }>("loop/createServer", { host: "127.0.0.1", port: 0 })
  const requests: Array<[string, object]> = [
    ["write", { text: "x" }],
    ["writeEof", {}],
    ["close", {}],
    ["abort", {}],
    ["pauseReading", {}],
    ["configure", { encoding: "utf8" }],
    ["kill", {}],
  ]
  for (const [method, params] of requests) {
    const error = await other.failure(`transport/${method}`, { transport, ...params })
    expect([method, error.code, error.data]).toEqual([method, 1107, { transport }])
    other.notify(`transport/${method}`, { transport, ...params })
  }
  expect(await other.failure("server/close", { server })).toMatchObject({ code: 1107 })
  await other.barrier()
  owner.notify("transport/write", { transport, text: "hello" })
  await owner.until(() => owner.count(transport) === 5)
  expect(await owner.request("server/isServing", { server })).toBe(true)
})

test("a signal to a process that has ended is NoSuchProcess, and one before its loss has no effect", async () => {
  const client = await start()
  const { transport, pid } = await client.request<Made>("loop/subprocessExec", shell("exit 0"))
  await client.callback(transport, "processExited")
  await client.lost(transport)
  for (const [method, params] of [
    ["kill", {}],
    ["terminate", {}],
    ["sendSignal", { signal: "SIGHUP" }],
  ] as const) {
    expect(await client.failure(`transport/${method}`, { transport, ...params })).toEqual({
      code: 1502,
      message: expect.any(String),
      data: { pid },
    })
  }
})

/** A listening socket whose process stands still, and so many connections that the system takes no more. */
async function fullBacklog(): Promise<number> {
  const program =
    'const s=require("net").createServer().listen({port:0,host:"127.0.0.1",backlog:1},()=>console.log(s.address().port))'
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] })
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  child.kill("SIGSTOP")
  const sockets: Socket[] = []
  for (let at = 0; at < 2; at++) {
    const socket = netConnect({ port: Number(line), host: "127.0.0.1" }).on("error", () => {})
    sockets.push(socket)
    await once(socket, "connect")
  }
  harness.cleanup(async () => {
    for (const socket of sockets) socket.destroy()
    child.kill("SIGKILL")
    await once(child, "close")
  })
  return Number(line)
}

test("a remote that never answers is TimedOut, and a cancelled attempt is RequestCancelled", async () => {
  const client = await start()
  const port = await fullBacklog()
  expect(await client.failure("loop/createConnection", { host: "127.0.0.1", port, timeoutMs: 50 })).toMatchObject({
    code: 1203,
    data: { operation: "loop/createConnection", timeoutMs: 50 },
  })
  const id = client.nextId()
  const answer = client.ask("loop/createConnection", { host: "127.0.0.1", port }, id)
  client.notify("$/cancelRequest", { id })
  expect((await answer).error).toMatchObject({ code: -32800 })
  await expectUndisturbed(client)
})

test("more than the window grants is WindowExceeded, and the transport is aborted with that", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  const peer = await listenPeer(harness)
  const { transport } = await open(client, peer.port)
  client.notify("transport/write", { transport, data: Buffer.alloc(1_048_577) })
  expect((await client.lost(transport)).params.error).toMatchObject({
    code: 1301,
    data: { granted: 1_048_576, sent: 1_048_577 },
  })
})

test("a version older than any that the daemon speaks is VersionUnsupported, and the client may offer another", async () => {
  const { connectRaw } = await harness.startDaemon()
  const client = await connectRaw()
  expect((await client.ask("initialize", { protocolVersion: 0 })).error).toMatchObject({
    code: 1001,
    message: expect.stringContaining("upgrade"),
    data: { offered: 0, supported: { oldest: 1, newest: 1 } },
  })
  expect(await client.request("initialize", { protocolVersion: 1 })).toMatchObject({ protocolVersion: 1 })
})

test("a version newer than any that the daemon speaks is agreed downwards", async () => {
  const { connectRaw } = await harness.startDaemon()
  const client = await connectRaw()
  const { protocolVersion } = await client.request<{ protocolVersion: number }>("initialize", { protocolVersion: 99 })
  expect(protocolVersion).toBe(1)
})

test("one transport more than allowed is LimitExceeded, also for those that are still being opened", async () => {
  const { connect } = await harness.startDaemon({ settings: { maxTransports: 2 } })
  const client = await connect()
  const port = await fullBacklog()
  const ids = Array.from({ length: 5 }, () => client.nextId())
  const answers = ids.map((id) => client.ask("loop/createConnection", { host: "127.0.0.1", port }, id))
  await client.barrier()
  const refusals = client.answers.filter(({ error }) => error?.code === 1003)
  for (const id of ids) client.notify("$/cancelRequest", { id })
  await Promise.all(answers)
  expect(refusals).toHaveLength(3)
  for (const { error } of refusals)
    expect(error).toMatchObject({ code: 1003, data: { limit: 2, used: 2, unit: "transports" } })
})

test("a connection that a server accepts beyond the limit is closed, and those before go on", async () => {
  const { connect } = await harness.startDaemon({ settings: { maxTransports: 2 } })
  const client = await connect()
  const { sockets } = await client.request<{ sockets: Array<{ port: number }> }>("loop/createServer", {
    host: "127.0.0.1",
    port: 0,
  })
  const port = sockets[0]?.port as number
  const first = await visit(harness, port)
  await client.until(() => client.notifications.length === 1)
  const second = await visit(harness, port)
  second.resume()
  await once(second, "end")
  expect(first.destroyed).toBe(false)
  expect(client.notifications).toHaveLength(1)
})
