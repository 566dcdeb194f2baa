/** What the daemon tells of itself: counts that add up, and the news of what begins and ends. */
import { expect, test } from "vitest"
import { MAX_WAITING_EVENTS, OUTBOX_HIGH_BYTES } from "../../protocol/limits.ts"
import { echo, listenPeer } from "../support/peers.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

interface Statistics {
  readonly memory: { readonly residentBytes: number; readonly buffersBytes: number }
  readonly totals: Record<"clients" | "transports" | "receivedBytes" | "writtenBytes", number>
  readonly clients: Array<Record<string, unknown>>
  readonly transports: Array<Record<string, unknown>>
}

test("counts are those of what went through, and stay when a transport is gone", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  const peer = await listenPeer(harness, echo)
  const params = { host: "127.0.0.1", port: peer.port, options: { name: "counted" } }
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
  client.consumes = false
  await client.request("transport/write", { transport, data: Buffer.alloc(1000) })
  await client.until(() => client.count(transport) === 1000)
  const open = await client.request<Statistics>("daemon/statistics")
  expect(open.transports).toMatchObject([
    {
      transport,
      name: "counted",
      clientId: 1,
      receivedBytes: 1000,
      unreadBytes: 1000,
      writtenBytes: 1000,
      unflushedBytes: 0,
    },
  ])
  expect(open.clients).toMatchObject([
    { clientId: 1, name: "test", transports: 1, flowControl: true, unflushedBytes: 0 },
  ])
  expect(open.memory.residentBytes).toBeGreaterThan(1_000_000)
  await client.request("transport/close", { transport })
  await client.lost(transport)
  const gone = await client.request<Statistics>("daemon/statistics")
  expect(gone.transports).toEqual([])
  expect(gone.totals).toEqual({ clients: 1, transports: 1, receivedBytes: 1000, writtenBytes: 1000 })
})

test("a few bytes that wait take memory by their size, on each of many transports", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  const peer = await listenPeer(harness, echo)
  client.consumes = false
  const count = 64
  const before = await client.request<Statistics>("daemon/statistics")
  for (let index = 0; index < count; index++) {
    const options = { lifetime: "daemon" }
    const { transport } = await client.request<{ transport: number }>("loop/createConnection", {
      host: "127.0.0.1",
      port: peer.port,
      options,
    })
    await client.request("transport/write", { transport, data: Buffer.alloc(64) })
    await client.until(() => client.count(transport) === 64)
  }
  const { memory, transports } = await client.request<Statistics>("daemon/statistics")
  expect(transports.map(({ unreadBytes }) => unreadBytes)).toEqual(Array.from({ length: count }, () => 64))
  expect(memory.buffersBytes - before.memory.buffersBytes).toBeLessThan(count * 32 * 1024)
})

test("who watches hears what begins and ends, in order, and no more once it says so", async () => {
  const { connect } = await harness.startDaemon()
  const watcher = await connect()
  await watcher.request("daemon/watch")
  const other = await connect()
  const { server, sockets } = await other.request<{ server: number; sockets: Array<{ port: number }> }>(
    "loop/createServer",
    { host: "127.0.0.1", port: 0 },
  )
  const params = { host: "127.0.0.1", port: sockets[0]?.port, options: { lifetime: "daemon", name: "kept" } }
  const { transport } = await other.request<{ transport: number }>("loop/createConnection", params)
  await other.until(() => other.notifications.some(({ params }) => params.server === server))
  other.destroy()
  const news = (): string[] =>
    watcher.notifications.map(({ params: { event, transport: id, server: by } }) => [event, id ?? by].join(" ").trim())
  await watcher.until(() => news().includes("clientGone"))
  expect(news()).toEqual(
    expect.arrayContaining([
      "clientConnected",
      `listening ${server}`,
      `opened ${transport}`,
      `detached ${transport}`,
      `closed ${server}`,
      "clientGone",
    ]),
  )
  expect(news().indexOf(`opened ${transport}`)).toBeLessThan(news().indexOf(`detached ${transport}`))
  await watcher.request("daemon/watch", { watch: false })
  const before = watcher.notifications.length
  await connect()
  await watcher.barrier()
  expect(watcher.notifications).toHaveLength(before)
})

test("a watcher that reads too slowly costs no more than its row, and hears how much it missed where it missed it", async () => {
  const { connect } = await harness.startDaemon()
  const peer = await listenPeer(harness)
  const [watcher, other, asker] = [await connect(), await connect(), await connect()]
  const params = { host: "127.0.0.1", port: peer.port, options: { lifetime: "daemon", name: "n".repeat(200) } }
  const { transport } = await other.request<{ transport: number }>("loop/createConnection", params)
  await watcher.request("daemon/watch")
  watcher.stall()
  let told = 0
  const pendingBytes = async (): Promise<number> => {
    const { clients } = await asker.request<Statistics>("daemon/statistics")
    return clients[0]?.pendingBytes as number
  }
  const churn = async (): Promise<void> => {
    for (let turn = 0; turn < 100; turn++) {
      other.notify("transport/detach", { transport })
      void other.ask("transport/attach", { transport, since: "now" })
      told += 2
    }
    await other.barrier()
  }
  while ((await pendingBytes()) < OUTBOX_HIGH_BYTES) await churn()
  // More than the row has room for.
  const full = told
  while (told < full + 2 * MAX_WAITING_EVENTS) await churn()
  expect(await pendingBytes()).toBeLessThan(OUTBOX_HIGH_BYTES + 1_000)
  watcher.resume()
  const count = (news: Record<string, unknown>): number => (news.event === "missed" ? (news.count as number) : 1)
  const heard = (): number => watcher.notifications.reduce((sum, { params: news }) => sum + count(news), 0)
  await watcher.until(() => heard() === told)
  expect(watcher.notifications.filter(({ params: { event } }) => event === "missed")).toHaveLength(1)
  expect(watcher.notifications.length).toBeLessThan(told)
  await churn()
  await watcher.until(() => heard() === told)
})
