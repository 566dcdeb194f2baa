/** Who leaves a transport, or becomes less than its owner, and what becomes of it then; how long an end is kept. */
import { expect, test, vi } from "vitest"
import type { RawClient } from "../support/client.ts"
import { TestClock } from "../support/clock.ts"
import { listenPeer } from "../support/peers.ts"
import { shell } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const MiB = 1024 * 1024

async function dial(client: RawClient, port: number, options: object): Promise<number> {
  const params = { host: "127.0.0.1", port, options }
  return (await client.request<{ transport: number }>("loop/createConnection", params)).transport
}

interface Described {
  readonly state: string
  readonly channels: ReadonlyArray<{ readonly received: number; readonly written: number; readonly flushed: number }>
}

/** Runs a job that outlives its client. */
async function start(client: RawClient, line: string): Promise<number> {
  const params = { ...shell(line), stdin: "null", options: { lifetime: "daemon" } }
  return (await client.request<{ transport: number }>("loop/subprocessExec", params)).transport
}

function described(client: RawClient, transport: number): Promise<Described> {
  return client.request<Described>("transport/describe", { transport })
}

async function untilEnded(client: RawClient, transport: number): Promise<void> {
  while ((await described(client, transport)).state !== "ended");
}

async function leave(client: RawClient): Promise<void> {
  client.destroy()
  await client.closed
}

/** Writes until neither the system nor the remote takes any more. */
async function fill(client: RawClient, transport: number): Promise<void> {
  const backlog = async (): Promise<number> => {
    const [channel] = (await described(client, transport)).channels
    return channel === undefined ? 0 : channel.written - channel.flushed
  }
  while ((await backlog()) < MiB) client.notify("transport/write", { transport, data: Buffer.alloc(MiB) })
}

test("a transport with lifetime client ends when its owner becomes an observer", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const client = await connect()
  const transport = await dial(client, peer.port, { lifetime: "client" })
  const remote = await peer.accepted()
  remote.resume().on("end", () => remote.end())
  await client.request("transport/attach", { transport, role: "observer" })
  expect((await client.lost(transport)).params.error).toBeNull()
})

test("an owner that became an observer and left still has a deadline for what it left to flush", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock })
  const peer = await listenPeer(harness)
  const [client, watcher] = [await connect(), await connect()]
  const transport = await dial(client, peer.port, { lifetime: "client" })
  await fill(client, transport)
  await client.request("transport/attach", { transport, role: "observer" })
  await leave(client)
  await watcher.barrier()
  clock.advance(200)
  while ((await watcher.ask("transport/describe", { transport })).error?.code !== 1102);
})

test("a client that left is gone once what it left has ended, whoever took that over meanwhile", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const [first, second, watcher] = [await connect(), await connect(), await connect()]
  const transport = await dial(first, peer.port, { lifetime: "client" })
  await fill(first, transport)
  await leave(first)
  const owner = async (): Promise<unknown> =>
    (await watcher.request<{ clientId: unknown }>("transport/describe", { transport })).clientId
  while ((await owner()) !== null);
  await second.request("transport/attach", { transport })
  await leave(second)
  while ((await watcher.request<{ clients: number }>("daemon/info")).clients !== 1);
})

test("a client that only watches does not keep another that left, nor an end beyond its time", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock, settings: { retainClosedMs: 1_000 } })
  const peer = await listenPeer(harness)
  const [first, observer, watcher] = [await connect(), await connect(), await connect()]
  const transport = await dial(first, peer.port, { lifetime: "client" })
  const remote = await peer.accepted()
  await observer.request("transport/attach", { transport, role: "observer", paused: true })
  remote.end("some bytes that nobody reads")
  await first.lost(transport)
  await leave(first)
  while ((await watcher.request<{ clients: number }>("daemon/info")).clients !== 2);
  clock.advance(1_000)
  await observer.lost(transport)
  expect(observer.callbacks(transport)).toEqual(["bytesLost", "eofReceived", "connectionLost"])
  expect(observer.of(transport)[0]?.params).toMatchObject({ from: 0, to: 28 })
  expect((await watcher.failure("transport/describe", { transport })).code).toBe(1102)
})

test("an owner that came in time reads what has ended as slowly as it likes", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock, settings: { retainClosedMs: 1_000 } })
  const [first, second] = [await connect(), await connect({ flowControl: true })]
  const transport = await start(first, "echo kept")
  await leave(first)
  await untilEnded(second, transport)
  clock.advance(999)
  const { pipes } = await second.request<{ pipes: Record<string, number> }>("transport/attach", {
    transport,
    since: "start",
    paused: true,
  })
  clock.advance(10_000)
  expect(second.callbacks(transport)).toEqual([])
  for (const pipe of Object.values(pipes)) second.notify("transport/resumeReading", { transport: pipe })
  await second.lost(transport)
  expect(second.data(transport, 1).toString()).toBe("kept\n")
  expect(second.callbacks(transport)).not.toContain("bytesLost")
  clock.advance(0)
  expect((await second.failure("transport/describe", { transport })).code).toBe(1102)
})

test("a transport with lifetime daemon waits its grace when the last that was attached has left", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock })
  const peer = await listenPeer(harness)
  const [client, other] = [await connect(), await connect()]
  const transport = await dial(client, peer.port, { lifetime: "daemon", graceMs: 1_000 })
  const remote = await peer.accepted()
  remote.resume().on("end", () => remote.end())
  await client.request("transport/attach", { transport, role: "observer" })
  clock.advance(5_000)
  expect((await described(other, transport)).state).toBe("open")
  await leave(client)
  while ((await other.request<{ clients: number }>("daemon/info")).clients !== 1);
  clock.advance(999)
  expect((await described(other, transport)).state).toBe("open")
  clock.advance(1)
  await untilEnded(other, transport)
})

test("an ended transport is forgotten in time, also when an owner came late and left again", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock, settings: { retainClosedMs: 1_000 } })
  const peer = await listenPeer(harness)
  const first = await connect({ flowControl: true })
  const transport = await dial(first, peer.port, { lifetime: "daemon" })
  const remote = await peer.accepted()
  await leave(first)
  remote.end("kept")
  const second = await connect({ flowControl: true })
  await untilEnded(second, transport)
  await second.request("transport/attach", { transport, paused: true })
  second.notify("transport/detach", { transport })
  await second.barrier()
  clock.advance(1_000)
  expect((await second.failure("transport/describe", { transport })).code).toBe(1102)
})

test("what is kept of all ends together has a bound: the oldest is forgotten first, but not under its reader", async () => {
  const { connect } = await harness.startDaemon({ settings: { retainClosedBytes: 2_500 } })
  const client = await connect({ flowControl: true })
  const kept = async (): Promise<number[]> => {
    const { transports } = await client.request<{ transports: Array<{ transport: number }> }>("transport/list")
    return transports.map(({ transport }) => transport)
  }
  const run = async (bytes: number): Promise<number> => {
    const job = await start(client, `head -c ${bytes} /dev/zero`)
    client.notify("transport/detach", { transport: job })
    await untilEnded(client, job)
    return job
  }
  const first = await run(1_000)
  await client.request("transport/attach", { transport: first, since: "start", paused: true })
  const [second, third] = [await run(1_000), await run(500)]
  expect(await kept()).toEqual([first, second, third])
  const fourth = await run(1)
  expect(await kept()).toEqual([first, third, fourth])
  expect((await client.failure("transport/attach", { transport: second })).code).toBe(1102)
  client.notify("transport/detach", { transport: first })
  // More than there may be of all: the latest alone stays.
  const large = await run(10_000)
  expect(await kept()).toEqual([large])
})

test("a client without flow control that takes over what is full is told to pause, after the answer", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const [first, second] = [await connect(), await connect()]
  const transport = await dial(first, peer.port, { lifetime: "daemon" })
  await fill(first, transport)
  await second.request("transport/attach", { transport, steal: true })
  await second.callback(transport, "pauseWriting")
  ;(await peer.accepted()).resume()
  await second.callback(transport, "resumeWriting")
})

test("what a client wrote to a process counts against it no more once it left the process", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const { transport, pipes } = await client.request<{ transport: number; pipes: Record<string, number> }>(
    "loop/subprocessExec",
    { ...shell("sleep 1000"), options: { lifetime: "daemon" } },
  )
  client.notify("transport/write", { transport: pipes[0], data: Buffer.alloc(MiB) })
  const unflushed = async (): Promise<number | undefined> => {
    const { clients } = await client.request<{ clients: Array<{ unflushedBytes: number }> }>("daemon/statistics")
    return clients[0]?.unflushedBytes
  }
  expect(await unflushed()).toBeGreaterThan(0)
  client.notify("transport/detach", { transport })
  await client.barrier()
  expect(await unflushed()).toBe(0)
})

test("a process group that is empty is signalled no more: its number may be another's by then", async () => {
  const { connect } = await harness.startDaemon()
  const [client, watcher] = [await connect(), await connect()]
  const { transport, pid } = await client.request<{ transport: number; pid: number }>(
    "loop/subprocessExec",
    shell("exit 3"),
  )
  await client.lost(transport)
  const kill = vi.spyOn(process, "kill")
  harness.cleanup(() => kill.mockRestore())
  await leave(client)
  while ((await watcher.request<{ clients: number }>("daemon/info")).clients !== 1);
  expect(kill.mock.calls.filter(([target]) => target === -pid)).toEqual([])
})
