/** The connection to the daemon as a user of the client library sees it: requests, their errors, cancelling, its end. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { PassThrough } from "node:stream"
import { describe, expect, it } from "vitest"
import { connect, ConnectionEnded, isRpcError, RpcError } from "transportd/client"
import { closedPort, listenPeer, Recorder as SocketRecorder, visit } from "../support/peers.ts"
import { script, stubborn } from "../support/programs.ts"
import { wirePair } from "../support/wire.ts"
import { barrier, ProcessRecorder, Recorder, setupLibrary } from "./library.ts"

const harness = setupLibrary()
const { startLibrary } = harness

function unwanted(): Recorder {
  return expect.unreachable("the factory is not called")
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe("a request that fails", () => {
  it("rejects with the error of the table, its errno and its data", async () => {
    const { client } = await startLibrary()
    const port = await closedPort()
    const refused = await failure(client.loop.createConnection(unwanted, { host: "127.0.0.1", port }))
    expect(refused).toBeInstanceOf(RpcError)
    expect(isRpcError(refused, "OsFailure") && refused.errno).toBe("ECONNREFUSED")
    expect(refused).toMatchObject({ code: 1201, data: { errno: "ECONNREFUSED", syscall: "connect", port } })

    const missing = await failure(client.loop.subprocessExec(() => new ProcessRecorder(), ["/no/such/program"]))
    expect(isRpcError(missing, "SpawnFailed") && missing.errno).toBe("ENOENT")

    const unknown = await failure(client.request("transport/describe", { transport: 4711 }))
    expect(unknown).toMatchObject({ name: "UnknownTransport", data: { transport: 4711 } })

    const wrong = await failure(client.request("transport/describe", {} as { transport: number }))
    expect(wrong).toMatchObject({ name: "InvalidParams", data: { issues: [{ path: "transport" }] } })
  })

  it("tells of an address in use", async () => {
    const { client } = await startLibrary()
    const { host, port } = await listenPeer(harness)
    const error = await failure(client.loop.createServer(() => new Recorder(), { host, port }))
    expect(isRpcError(error, "OsFailure") && error.errno).toBe("EADDRINUSE")
  })
})

describe("an AbortSignal", () => {
  it("cancels a connection attempt, which leaves nothing", async () => {
    const { client, daemon } = await startLibrary()
    const port = await deafPort()
    const controller = new AbortController()
    const { signal } = controller
    const outcome = failure(client.loop.createConnection(unwanted, { host: "127.0.0.1", port, signal }))
    await barrier(client)
    controller.abort()
    expect(isRpcError(await outcome, "RequestCancelled")).toBe(true)
    expect([...daemon.table.holdings()]).toEqual([])
  })

  it("that is aborted before cancels at once", async () => {
    const { client } = await startLibrary()
    const port = await deafPort()
    const signal = AbortSignal.abort()
    const outcome = failure(client.loop.createConnection(unwanted, { host: "127.0.0.1", port, signal }))
    expect(isRpcError(await outcome, "RequestCancelled")).toBe(true)
  })
})

/** A port where connection attempts neither succeed nor fail: its listener never accepts, and its queue is full. */
async function deafPort(): Promise<number> {
  const { program, args } = script(`
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      require("node:fs").writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`)
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] })
  harness.cleanup(async () => {
    child.kill("SIGKILL")
    await once(child, "close")
  })
  const [port] = (await once(child.stdout, "data")) as [Buffer]
  // A backlog of n has room for n + 1.
  for (let room = 0; room < 2; room++) await visit(harness, Number(port))
  return Number(port)
}

describe("when the connection to the daemon is lost", () => {
  it("every protocol hears connectionLost once, and every request rejects with ConnectionEnded", async () => {
    const { client, wire } = await startLibrary()
    const peer = await listenPeer(harness)
    const one = new Recorder()
    const paused = new Recorder({ connectionMade: (transport) => transport.pauseReading() })
    const [transport] = await client.loop.createConnection(() => one, { host: peer.host, port: peer.port })
    await client.loop.createConnection(() => paused, { host: peer.host, port: peer.port })
    ;(await peer.accepted()).write("x")
    ;(await peer.accepted()).write("held for a paused protocol")
    const child = new ProcessRecorder()
    const [process] = await client.loop.subprocessExec(() => child, [stubborn.program, ...stubborn.args])
    await child.recording.heard("data 1")
    await barrier(client)
    const server = await client.loop.createServer(() => new Recorder(), { host: "127.0.0.1", port: 0 })

    const pending = failure(client.request("daemon/info", {}))
    const opening = failure(client.loop.createConnection(() => new Recorder(), { host: peer.host, port: peer.port }))
    wire.destroy()
    await client.closed
    expect(await pending).toBeInstanceOf(ConnectionEnded)
    expect(await opening).toBeInstanceOf(ConnectionEnded)
    for (const { error } of [one, paused, child]) expect(error).toBeInstanceOf(ConnectionEnded)
    expect(one.recording.count("lost")).toBe(1)
    expect(paused.recording.events).toEqual(["made", "lost"])
    expect(child.recording.events.filter((event) => event.startsWith("end")).toSorted()).toEqual([
      "end 0",
      "end 1",
      "end 2",
    ])
    expect(process.getReturncode()).toBeNull()
    expect(server.isServing()).toBe(false)
    await server.waitClosed()

    expect(await failure(client.request("daemon/info", {}))).toBeInstanceOf(ConnectionEnded)
    transport.write(Buffer.from("nobody"))
    transport.close()
    expect(() => process.kill()).toThrow("has ended")
    server.close()
    await client.close()
  })

  it("a protocol may do anything in connectionLost", async () => {
    const { client, wire } = await startLibrary()
    const peer = await listenPeer(harness)
    const again: Array<Promise<unknown>> = []
    const protocol = new Recorder({
      connectionLost: () => {
        protocol.transport?.close()
        again.push(failure(client.loop.createConnection(() => new Recorder(), { host: peer.host, port: peer.port })))
      },
    })
    await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    wire.destroy()
    await client.closed
    expect(await Promise.all(again)).toEqual([expect.any(ConnectionEnded)])
  })

  it("connect() rejects when there is no daemon behind the streams", async () => {
    const input = new PassThrough()
    const connecting = failure(connect({ streams: { input, output: new PassThrough() } }))
    input.end()
    expect(await connecting).toBeInstanceOf(ConnectionEnded)
  })

  it("connect() tells that nobody listens on a socket", async () => {
    const error = await failure(connect({ socket: "/no/such/socket" }))
    expect(error).toMatchObject({ name: "OsFailure", data: { errno: "ENOENT", path: "/no/such/socket" } })
  })
})

describe("close()", () => {
  it("says good-bye: what was written still arrives, and protocols hear of the end", async () => {
    const { client } = await startLibrary()
    const peer = await listenPeer(harness)
    const protocol = new Recorder()
    const [transport] = await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    const got = new SocketRecorder(await peer.accepted())
    transport.write(Buffer.alloc(500_000))
    await client.close()
    await client.close()
    expect(await protocol.lost()).toBeInstanceOf(ConnectionEnded)
    await got.over
    expect(got.bytes).toBe(500_000)
  })

  it("is what `await using` does at the end of a block", async () => {
    const { daemon } = await harness.startDaemon()
    const [near, far] = wirePair(() => harness.random())
    const session = daemon.serve(far, far)
    let closed = false
    {
      await using client = await connect({ streams: { input: near, output: near } })
      void client.closed.then(() => (closed = true))
      await using server = await client.loop.createServer(() => new Recorder(), { host: "127.0.0.1", port: 0 })
      expect(server.isServing()).toBe(true)
    }
    expect(closed).toBe(true)
    await session.ended
    expect(daemon.info()).toMatchObject({ clients: 0, servers: 0 })
  })
})

describe("a server", () => {
  it("gives each connection a protocol of its own, in the order accepted", async () => {
    const { client } = await startLibrary()
    const protocols: Recorder[] = []
    const server = await client.loop.createServer(
      () => {
        const protocol = new Recorder({ dataReceived: (data) => protocol.transport?.write(data) })
        protocols.push(protocol)
        return protocol
      },
      { host: "127.0.0.1", port: 0 },
    )
    const { port } = server.sockets[0] as { port: number }
    for (const name of ["a", "b", "c"]) {
      const socket = await visit(harness, port)
      const got = new SocketRecorder(socket)
      socket.write(name)
      await got.until(1)
      expect(got.data.toString()).toBe(name)
    }
    expect(protocols.map(({ data }) => data.toString())).toEqual(["a", "b", "c"])
    server.close()
    expect(server.sockets).toEqual([])
    await server.waitClosed()
    protocols[0]?.transport?.write(Buffer.from("connections live on"))
    await barrier(client)
    expect(protocols[0]?.recording.events).not.toContain("lost")
  })

  it("refuses connections once it is closed, in the daemon too", async () => {
    const { client, daemon } = await startLibrary()
    const server = await client.loop.createServer(() => new Recorder(), { host: "127.0.0.1", port: 0 })
    const { port } = server.sockets[0] as { port: number }
    server.close()
    server.close()
    await barrier(client)
    expect([...daemon.table.servers()]).toEqual([])
    const error = await failure(client.loop.createConnection(() => new Recorder(), { host: "127.0.0.1", port }))
    expect(isRpcError(error, "OsFailure") && error.errno).toBe("ECONNREFUSED")
  })

  it("ends a connection that the daemon accepted before it heard of the close", async () => {
    const { client, daemon } = await startLibrary()
    const server = await client.loop.createServer(unwanted, {
      host: "127.0.0.1",
      port: 0,
    })
    const { port } = server.sockets[0] as { port: number }
    const holding = new Promise<void>((resolve) => {
      const { add } = daemon.table
      daemon.table.add = (each) => {
        add.call(daemon.table, each)
        // The daemon has it, and the client hears of it only after this.
        server.close()
        resolve()
      }
    })
    const got = new SocketRecorder(await visit(harness, port))
    await holding
    await got.over
    await barrier(client)
    expect([...daemon.table.holdings()]).toEqual([])
  })

  it("serves until its signal is aborted", async () => {
    const { client } = await startLibrary()
    const controller = new AbortController()
    const server = await client.loop.createServer(() => new Recorder(), {
      host: "127.0.0.1",
      port: 0,
      startServing: false,
    })
    expect(server.isServing()).toBe(false)
    const serving = server.serveForever(controller.signal)
    await server.startServing()
    expect(server.isServing()).toBe(true)
    controller.abort()
    await serving
    expect(server.isServing()).toBe(false)
  })
})
