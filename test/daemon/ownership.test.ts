/**
 * What a client owns ends with it: transports, servers, processes and all that these started. Nobody else's does.
 * Who looks is a second client, by asking, and the system itself.
 */
import { once } from "node:events"
import { expect, test } from "vitest"
import type { RawClient } from "../support/client.ts"
import { markedProcesses, untilNoProcess } from "../support/leaks.ts"
import { echo, listenPeer, Recorder } from "../support/peers.ts"
import { cat, holdsPipes, shell, stubborn } from "../support/programs.ts"
import { setup, type TestDaemon } from "../support/setup.ts"

const harness = setup()

type Going = (client: RawClient) => void
const ways: Array<[string, Going]> = [
  ["ends its input", (client) => client.end()],
  ["is destroyed", (client) => client.destroy()],
  ["says exit", (client) => client.notify("exit")],
  ["breaks the framing", (client) => void client.sendBytes("\r\n")],
]

interface Made {
  transport: number
  server: number
  pid: number
  sockets: Array<{ port: number }>
}

/** Waits until the daemon serves `count` clients and holds nothing of the others, by asking. */
async function until(watcher: RawClient, wanted: object): Promise<void> {
  for (let last: unknown; ;) {
    const { clients, transports, servers } = await watcher.request<Record<string, number>>("daemon/info")
    last = { clients, transports, servers }
    if (JSON.stringify(last) === JSON.stringify(wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** A client with a connection, a server with a connection, and two processes. */
async function owner({
  connect,
}: TestDaemon): Promise<{ client: RawClient; port: number; peer: Awaited<ReturnType<typeof listenPeer>> }> {
  const client = await connect()
  const peer = await listenPeer(harness, (socket) => socket.resume())
  await client.request<Made>("loop/createConnection", { host: peer.host, port: peer.port, options: { name: "tcp" } })
  const { sockets } = await client.request<Made>("loop/createServer", { host: "127.0.0.1", port: 0 })
  const port = sockets[0]?.port as number
  await client.request<Made>("loop/subprocessExec", cat)
  return { client, port, peer }
}

test.each(ways)("a client that %s takes all that it owns with it, and nobody else's", async (_how, go) => {
  const started = await harness.startDaemon()
  const other = await started.connect()
  const others = await listenPeer(harness, echo)
  const { transport } = await other.request<Made>("loop/createConnection", { host: others.host, port: others.port })
  const { client, peer } = await owner(started)
  const socket = await peer.accepted()
  const ended = once(socket, "end")
  go(client)
  await ended
  await until(other, { clients: 1, transports: 1, servers: 0 })
  await untilNoProcess()
  other.notify("transport/write", { transport, data: Buffer.from("hello") })
  await other.until(() => other.count(transport) === 5)
  expect(other.callbacks(transport)).not.toContain("connectionLost")
})

test.each(ways)("over a real socket, a client that %s takes all that it owns with it", async (_how, go) => {
  const started = await harness.startDaemon({ socket: true })
  const other = await started.connect()
  const { client } = await owner(started)
  go(client)
  await until(other, { clients: 1, transports: 0, servers: 0 })
  await untilNoProcess()
})

test("what a client wrote before it left still arrives", async () => {
  const started = await harness.startDaemon({ settings: { closeDeadlineMs: 20_000 } })
  const client = await started.connect()
  const peer = await listenPeer(harness)
  const { transport } = await client.request<Made>("loop/createConnection", { host: peer.host, port: peer.port })
  const socket = await peer.accepted()
  client.notify("transport/write", { transport, data: Buffer.alloc(8 * 1024 * 1024, "x") })
  client.end()
  await client.closed
  const recorder = new Recorder(socket)
  await recorder.over
  expect(recorder.bytes).toBe(8 * 1024 * 1024)
})

test("a remote that does not read is let go at the deadline", async () => {
  const { connect, daemon } = await harness.startDaemon({ settings: { closeDeadlineMs: 30 } })
  const other = await connect()
  const client = await connect()
  const peer = await listenPeer(harness)
  const { transport } = await client.request<Made>("loop/createConnection", { host: peer.host, port: peer.port })
  client.notify("transport/write", { transport, data: Buffer.alloc(16 * 1024 * 1024) })
  client.end()
  await until(other, { clients: 1, transports: 0, servers: 0 })
  expect([...daemon.table.holdings()]).toEqual([])
})

async function cutOffWhileWaiting(socket: boolean): Promise<void> {
  const { connect } = await harness.startDaemon({ socket, settings: { closeDeadlineMs: 30 } })
  const other = await connect()
  const client = await connect()
  const peer = await listenPeer(harness)
  const { transport } = await client.request<Made>("loop/createConnection", { host: peer.host, port: peer.port })
  // Answered when it is flushed, which is never: the remote does not read.
  client.notify("transport/write", { transport, data: Buffer.alloc(15_000_000) })
  client.notify("transport/write", { transport, data: Buffer.alloc(15_000_000) })
  void client.ask("transport/write", { transport, text: "x" })
  await client.barrier()
  client.destroy()
  await until(other, { clients: 1, transports: 0, servers: 0 })
}

test("a client that is cut off while a request of it waits is let go", () => cutOffWhileWaiting(false))

// A client that is gone and one that only ended its input look the same on a socket: the deadline tells them apart.
test(
  "over a real socket, a client that is cut off while a request of it waits is let go",
  () => cutOffWhileWaiting(true),
  2_000,
)

test("a process that ignores SIGTERM is killed, and one that heeds it ends by itself", async () => {
  const { connect } = await harness.startDaemon({ settings: { killDeadlineMs: 60 } })
  const other = await connect()
  const client = await connect()
  const one = await client.request<Made>("loop/subprocessExec", stubborn)
  await client.callback(one.transport, "pipeDataReceived")
  await client.request<Made>("loop/subprocessExec", cat)
  client.destroy()
  await until(other, { clients: 1, transports: 0, servers: 0 })
  await untilNoProcess()
})

test("grandchildren end with the client, also those whose parent has exited", async () => {
  const { connect } = await harness.startDaemon({ settings: { killDeadlineMs: 60 } })
  const other = await connect()
  const client = await connect()
  const { transport } = await client.request<Made>("loop/subprocessExec", { ...holdsPipes, drainMs: 0 })
  await client.lost(transport)
  expect(markedProcesses()).toHaveLength(1)
  client.destroy()
  await until(other, { clients: 1, transports: 0, servers: 0 })
  await untilNoProcess()
})

test("a client that leaves while things are being opened leaves none of them", async () => {
  for (const go of [(client: RawClient) => client.end(), (client: RawClient) => client.destroy()]) {
    const { connect } = await harness.startDaemon({ settings: { killDeadlineMs: 60 } })
    const other = await connect()
    const client = await connect()
    const peer = await listenPeer(harness)
    void client.ask("loop/subprocessExec", stubborn)
    void client.ask("loop/createConnection", { host: peer.host, port: peer.port })
    void client.ask("loop/createServer", { host: ["127.0.0.1", "localhost"], port: 0 })
    void client.ask("loop/createConnection", { host: "localhost", port: peer.port })
    await other.barrier()
    go(client)
    await until(other, { clients: 1, transports: 0, servers: 0 })
    await untilNoProcess()
  }
})

test("what was asked before the input ended is answered, and then all of it is closed", async () => {
  // A busy machine may take long to start a process, and only answers are waited for here.
  const { connect } = await harness.startDaemon({ settings: { closeDeadlineMs: 10_000 } })
  const client = await connect()
  const peer = await listenPeer(harness)
  const answers = [
    client.ask("loop/createConnection", { host: peer.host, port: peer.port }),
    client.ask("loop/subprocessExec", shell("echo hello")),
    client.ask("daemon/info"),
  ]
  client.end()
  for (const { error } of await Promise.all(answers)) expect(error).toBeUndefined()
  await client.closed
})

test("daemon/shutdown is answered, closes what all clients own, and ends the connections", async () => {
  const { connect, daemon } = await harness.startDaemon()
  const [one, two] = [await connect(), await connect()]
  const peer = await listenPeer(harness, (socket) => socket.resume())
  await two.request<Made>("loop/createConnection", { host: peer.host, port: peer.port })
  const ended = once(await peer.accepted(), "end")
  expect(await one.request("daemon/shutdown")).toBeNull()
  await Promise.all([one.closed, two.closed, ended, daemon.ended])
})
