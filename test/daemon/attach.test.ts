/** Transports that outlive their clients: who comes back, who comes late, who watches, who takes over. */
import { expect, test } from "vitest"
import { READ_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { RawClient } from "../support/client.ts"
import { TestClock } from "../support/clock.ts"
import { echo, listenPeer, Recorder, Spewer } from "../support/peers.ts"
import { cat, shell } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

interface Attached {
  readonly transport: number
  readonly offset: number
  readonly retained: { readonly from: number; readonly to: number }
  readonly written: number
  readonly flushed: number
  readonly pipes?: Record<string, number>
}

async function dial(client: RawClient, port: number, options: object = {}): Promise<number> {
  const params = { host: "127.0.0.1", port, options: { lifetime: "daemon", ...options } }
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
  return transport
}

function attach(client: RawClient, transport: number | string, options: object = {}): Promise<Attached> {
  return client.request<Attached>("transport/attach", { transport, ...options })
}

async function leave(client: RawClient): Promise<void> {
  client.destroy()
  await client.closed
}

/** What the daemon says of it. */
async function described(client: RawClient, transport: number): Promise<{ state: string; clientId: number | null }> {
  return await client.request("transport/describe", { transport })
}

async function untilOwnerless(client: RawClient, transport: number): Promise<void> {
  while ((await described(client, transport)).clientId !== null);
}

test("a transport with lifetime daemon stays when its client goes, and gives the next one what came meanwhile", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const first = await connect({ flowControl: true })
  const watcher = await connect()
  const transport = await dial(first, peer.port, { name: "kept" })
  const remote = await peer.accepted()
  remote.write("one ")
  await first.until(() => first.count(transport) === 4)
  await first.barrier()
  await leave(first)
  await untilOwnerless(watcher, transport)
  remote.write("two ")
  const second = await connect({ flowControl: true })
  const { offset, transport: same } = await attach(second, "kept")
  expect({ offset, same }).toEqual({ offset: 4, same: transport })
  remote.write("three")
  await second.until(() => second.count(transport) === 9)
  expect(second.data(transport).toString()).toBe("two three")
  const recorder = new Recorder(remote)
  second.notify("transport/write", { transport, data: Buffer.from("back again") })
  await recorder.until(10)
  expect(recorder.data.toString()).toBe("back again")
})

test("since start gives all that is kept, since now nothing of the past, an offset the rest from there", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const first = await connect({ flowControl: true })
  const transport = await dial(first, peer.port)
  const remote = await peer.accepted()
  remote.write("0123456789")
  await first.until(() => first.count(transport) === 10)
  const results: string[] = []
  for (const since of ["start", "now", 7, undefined]) {
    const observer = await connect({ flowControl: true })
    const { offset } = await attach(observer, transport, { role: "observer", ...(since !== undefined && { since }) })
    await observer.until(() => observer.count(transport) === 10 - offset)
    results.push(observer.data(transport).toString())
  }
  expect(results.slice(0, 3)).toEqual(["0123456789", "", "789"])
  expect((await first.failure("transport/attach", { transport, since: 11, role: "owner" })).code).toBe(-32602)
})

test("what the bound made it forget is reported with its range, and the rest follows", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const first = await connect({ flowControl: true })
  const watcher = await connect()
  const transport = await dial(first, peer.port, { retainBytes: 1000, whenFull: "dropOldest" })
  const remote = await peer.accepted()
  await leave(first)
  await untilOwnerless(watcher, transport)
  const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index % 251))
  remote.end(bytes)
  for (let to = 0; to < bytes.length;) {
    const { channels } = await watcher.request<{ channels: Array<{ received: number }> }>("transport/describe", {
      transport,
    })
    to = channels[0]?.received ?? 0
  }
  const second = await connect({ flowControl: true })
  const { offset, retained } = await attach(second, transport)
  expect(retained.to - retained.from).toBe(1000)
  expect(offset).toBe(retained.from)
  await second.lost(transport)
  const lost = second.of(transport).find(({ method }) => method === "protocol/bytesLost")
  expect(lost?.params).toMatchObject({ from: 0, to: 49_000 })
  expect(second.data(transport)).toEqual(bytes.subarray(49_000))
})

test("with whenFull block the source is not read beyond what may be kept, and nothing is lost", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const first = await connect({ flowControl: true })
  const watcher = await connect()
  const transport = await dial(first, peer.port, { retainBytes: 100_000 })
  const spewer = new Spewer(await peer.accepted())
  await leave(first)
  await untilOwnerless(watcher, transport)
  let received = -1
  for (let before = -2; before !== received;) {
    before = received
    for (let turn = 0; turn < 50; turn++) await watcher.barrier()
    const { channels } = await watcher.request<{ channels: Array<{ received: number; consumed: number }> }>(
      "transport/describe",
      { transport },
    )
    received = channels[0]?.received ?? 0
    expect(received - (channels[0]?.consumed ?? 0)).toBeLessThan(100_000 + 65_537 + 262_144)
  }
  const second = await connect({ flowControl: true })
  const { offset } = await attach(second, transport)
  await second.until(() => second.count(transport) > 1_000_000)
  spewer.stop()
  expect(second.callbacks(transport)).not.toContain("bytesLost")
  expect(offset).toBeLessThanOrEqual(received)
})

test("with whenFull close the transport ends with LimitExceeded", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const first = await connect()
  const transport = await dial(first, peer.port, { retainBytes: 10, whenFull: "close", name: "small" })
  const remote = await peer.accepted()
  await leave(first)
  const second = await connect()
  await untilOwnerless(second, transport)
  remote.write("more than ten bytes")
  while ((await described(second, transport)).state !== "ended");
  await attach(second, transport)
  expect((await second.lost(transport)).params.error).toMatchObject({ code: 1003, data: { limit: 10 } })
})

test("an owner is not pushed out unless it is stolen from, and hears that it was", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness, echo)
  const first = await connect()
  const second = await connect()
  const transport = await dial(first, peer.port)
  expect((await second.failure("transport/attach", { transport })).code).toBe(1107)
  await attach(second, transport, { steal: true })
  const detached = await first.until(() => first.of(transport).find(({ method }) => method === "transport/detached"))
  expect(detached.params).toMatchObject({ by: 2 })
  expect((await first.failure("transport/write", { transport, data: Buffer.from("x") })).code).toBe(1107)
  second.notify("transport/write", { transport, data: Buffer.from("mine") })
  await second.until(() => second.count(transport) === 4)
  expect(first.count(transport)).toBe(0)
})

test("observers read what the owner reads, write nothing, and a stopped one does not hold the owner back", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness, echo)
  const owner = await connect({ flowControl: true })
  const transport = await dial(owner, peer.port, { lifetime: "client" })
  const quick = await connect({ flowControl: true })
  const stopped = await connect({ flowControl: true })
  stopped.consumes = false
  for (const observer of [quick, stopped]) await attach(observer, transport, { role: "observer" })
  expect((await quick.failure("transport/write", { transport, data: Buffer.from("x") })).code).toBe(1107)
  const block = Buffer.alloc(64_000, "b")
  for (let sent = 0; sent < 2_000_000; sent += block.length) {
    await owner.request("transport/write", { transport, data: block })
    await owner.until(() => owner.count(transport) === sent + block.length)
  }
  expect(stopped.count(transport)).toBe(262_144)
  stopped.notify("transport/consumed", { transport, offset: 262_144 })
  const lost = await stopped.until(() => stopped.of(transport).find(({ method }) => method === "protocol/bytesLost"))
  expect(lost.params.from).toBe(262_144)
  owner.notify("transport/close", { transport })
  await Promise.all([owner.lost(transport), quick.lost(transport)])
  const missed = quick.of(transport).filter(({ method }) => method === "protocol/bytesLost")
  const missedBytes = missed.reduce((sum, { params }) => sum + (params.to as number) - (params.from as number), 0)
  expect(quick.count(transport) + missedBytes).toBe(owner.count(transport))
  stopped.notify("transport/detach", { transport })
  await stopped.barrier()
})

test("text is not put together across what was lost", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const [owner, observer] = [await connect(), await connect()]
  const transport = await dial(owner, peer.port, { retainBytes: 1 })
  const remote = await peer.accepted()
  await attach(observer, transport, { role: "observer", encoding: "utf8" })
  remote.write(Buffer.from([0x78, 0xe2]))
  await observer.until(() => observer.count(transport) === 1)
  await observer.request("transport/pauseReading", { transport })
  // What an observer may fall behind is kept, and here begins with the rest of the character.
  remote.end(
    Buffer.concat([Buffer.alloc(100, "-"), Buffer.from([0x82, 0xac]), Buffer.alloc(READ_WINDOW_BYTES - 2, "y")]),
  )
  await owner.until(() => owner.count(transport) === 102 + READ_WINDOW_BYTES)
  await observer.request("transport/resumeReading", { transport })
  await observer.until(() => observer.callbacks(transport).includes("eofReceived"))
  const [, second, third, fourth] = observer.of(transport).map(({ params: { text, from, to } }) => text ?? [from, to])
  expect([second, third]).toEqual(["\ufffd", [2, 102]])
  expect((fourth as string).slice(0, 3)).toBe("\ufffd\ufffdy")
})

test("a write that was sent before is skipped by its offset, and a gap is refused", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const first = await connect({ flowControl: true })
  const transport = await dial(first, peer.port)
  const recorder = new Recorder(await peer.accepted())
  await first.request("transport/write", { transport, data: Buffer.from("hello "), offset: 0 })
  await leave(first)
  const second = await connect({ flowControl: true })
  await untilOwnerless(second, transport)
  const { written, flushed } = await attach(second, transport)
  expect({ written, flushed }).toEqual({ written: 6, flushed: 6 })
  await second.request("transport/write", { transport, data: Buffer.from("hello world"), offset: 0 })
  expect((await second.failure("transport/write", { transport, data: Buffer.from("!"), offset: 12 })).code).toBe(-32602)
  await recorder.until(11)
  expect(recorder.data.toString()).toBe("hello world")
})

test("a late client gets the output of a process that ended, then its exit, then its loss", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock })
  const first = await connect()
  const { transport } = await first.request<{ transport: number }>("loop/subprocessExec", {
    ...shell("cat; echo out; echo err >&2; exit 7"),
    options: { lifetime: "daemon", name: "job" },
  })
  await leave(first)
  const second = await connect()
  await untilOwnerless(second, transport)
  const { pipes } = await attach(second, "job", { since: "now" })
  second.notify("transport/detach", { transport })
  await second.barrier()
  const third = await connect()
  await attach(third, "job", { since: "now" })
  third.notify("transport/close", { transport: pipes?.[0] })
  await third.lost(transport)
  clock.advance(4 * 60_000)
  const late = await connect()
  await attach(late, transport, { since: "start" })
  await late.lost(transport)
  expect(late.data(transport, 1).toString()).toBe("out\n")
  expect(late.data(transport, 2).toString()).toBe("err\n")
  const callbacks = late.callbacks(transport)
  expect(callbacks.slice(-2)).toEqual(["processExited", "connectionLost"])
  expect(late.of(transport).find(({ method }) => method === "protocol/processExited")?.params.returncode).toBe(7)
  clock.advance(2 * 60_000)
  expect((await late.failure("transport/attach", { transport })).code).toBe(1102)
})

test("after its grace a transport without an owner is closed", async () => {
  const clock = new TestClock()
  const { connect } = await harness.startDaemon({ clock })
  const first = await connect()
  const { transport } = await first.request<{ transport: number; pid: number }>("loop/subprocessExec", {
    ...cat,
    options: { lifetime: "daemon", graceMs: 10_000 },
  })
  await leave(first)
  const second = await connect()
  await untilOwnerless(second, transport)
  clock.advance(9_999)
  expect((await described(second, transport)).state).toBe("open")
  await attach(second, transport)
  clock.advance(20_000)
  expect((await described(second, transport)).state).toBe("open")
  second.notify("transport/detach", { transport })
  await second.barrier()
  clock.advance(10_000)
  while ((await described(second, transport)).state !== "ended");
})

test("a server with lifetime daemon goes on, holds what it accepts, and can be taken over", async () => {
  const { connect } = await harness.startDaemon()
  const first = await connect()
  const { server, sockets } = await first.request<{ server: number; sockets: Array<{ port: number }> }>(
    "loop/createServer",
    { host: "127.0.0.1", port: 0, options: { lifetime: "daemon", name: "door" } },
  )
  await leave(first)
  const second = await connect()
  const visitor = await connect()
  const visit = await dial(visitor, sockets[0]?.port as number, { lifetime: "client" })
  visitor.notify("transport/write", { transport: visit, data: Buffer.from("anybody there?") })
  const found = async (): Promise<number | undefined> => {
    const { transports } = await second.request<{ transports: Array<{ transport: number; server?: number }> }>(
      "transport/list",
    )
    return transports.find((each) => each.server === server)?.transport
  }
  let held: number | undefined
  while ((held = await found()) === undefined);
  await attach(second, held)
  await second.until(() => second.count(held) === 14)
  expect(await second.request("server/attach", { server: "door" })).toMatchObject({ server, clientId: 2 })
  await dial(visitor, sockets[0]?.port as number, { lifetime: "client" })
  await second.until(() => second.notifications.find(({ params }) => params.server === server))
})

test("what ended gives its name to who wants it, and late messages about it are answered as after any end", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const start = (): Promise<{ transport: number }> =>
    client.request("loop/subprocessExec", { ...shell("exit 3"), options: { lifetime: "daemon", name: "job" } })
  const { transport: first } = await start()
  await client.lost(first)
  const { transport: second } = await start()
  await client.lost(second)
  expect(await attach(client, first, { since: "start" })).toMatchObject({ transport: first })
  await client.lost(first)
  for (const method of ["close", "abort", "pauseReading"])
    await client.request(`transport/${method}`, { transport: first })
  expect(await client.request("transport/isClosing", { transport: first })).toBe(true)
  expect((await client.failure("transport/getReturncode", { transport: first })).code).toBe(1102)
  expect((await client.failure("transport/kill", { transport: first })).code).toBe(1502)
  expect(await attach(client, "job", { since: "start" })).toMatchObject({ transport: second })
})
