/** What must not cost more for each the more there are, told by counts: how often the others are looked at. */
import { expect, it } from "vitest"
import { systemClock } from "../../daemon/clock.ts"
import { Outbox } from "../../daemon/hold/outbox.ts"
import type { Holding } from "../../daemon/hold/holding.ts"
import { Possessions } from "../../daemon/hold/possessions.ts"
import { Table } from "../../daemon/hold/table.ts"
import type { ProcessTransport } from "../../daemon/transports/process.ts"
import { MAX_RETAINED_ENDED } from "../../protocol/limits.ts"
import { listenPeer } from "../support/peers.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

/** A group of processes that counts how often it is looked at, and hears of its signals. */
function fakeGroup(log: string[], name: string): ProcessTransport & { isThere: boolean } {
  const group = {
    isThere: true,
    farewell: "SIGTERM",
    // None of them ends by itself.
    exited: new Promise(() => {}),
    signalGroup: (signal: NodeJS.Signals | 0) => {
      log.push(`${name} ${signal}`)
      // Whoever is told to end does.
      if (signal !== 0) group.isThere = false
      return group.isThere
    },
  }
  return group as unknown as ProcessTransport & { isThere: boolean }
}

it("looks at two groups of processes for each new one, however many run", () => {
  const log: string[] = []
  const possessions = new Possessions(10_000, null)
  for (let count = 0; count < 1000; count++) possessions.addGroup(fakeGroup(log, "group"))
  expect(log.length).toBeLessThanOrEqual(2000)
})

it("does not signal a group that was gone when its turn came, and signals all others", async () => {
  const log: string[] = []
  const possessions = new Possessions(10_000, null)
  const gone = fakeGroup(log, "gone")
  possessions.addGroup(gone)
  gone.isThere = false
  for (let count = 0; count < 10; count++) possessions.addGroup(fakeGroup(log, `group ${count}`))
  await possessions.abandon(systemClock, { closeMs: 100, killMs: 100 })
  const told = log.filter((line) => line.endsWith("SIGTERM"))
  expect(told.sort()).toEqual(Array.from({ length: 10 }, (_, count) => `group ${count} SIGTERM`))
})

/** An ended transport that counts how often its owner is asked for. */
function fakeEnded(table: Table, { isRead, looked }: { isRead: boolean; looked: () => void }): Holding {
  const holding = {
    retainedBytes: 0,
    channels: [],
    describe: () => ({ channels: [] }),
    forget: () => table.remove(holding, { kind: "tcp", broken: false }),
    get owner() {
      looked()
      return isRead ? {} : null
    },
  } as unknown as Holding
  return holding
}

it("passes over few ended transports that are still read for each more that ends", () => {
  let looks = 0
  const table = new Table(Number.POSITIVE_INFINITY)
  const ends = 5 * MAX_RETAINED_ENDED
  for (let count = 0; count < ends; count++) {
    table.keepEnded(fakeEnded(table, { isRead: true, looked: () => looks++ }))
  }
  expect(looks).toBeLessThanOrEqual(8 * ends)
})

it("forgets the oldest that nobody reads, though those that are read stand before it", () => {
  const table = new Table(Number.POSITIVE_INFINITY)
  const forgotten: number[] = []
  const keep = (id: number, isRead: boolean): void => {
    const holding = fakeEnded(table, { isRead, looked: () => {} })
    const { forget } = holding
    holding.forget = () => {
      forgotten.push(id)
      forget()
    }
    table.keepEnded(holding)
  }
  for (let id = 0; id < 20; id++) keep(id, true)
  for (let id = 20; id < MAX_RETAINED_ENDED + 30; id++) keep(id, false)
  expect(forgotten[0]).toBe(20)
  expect(forgotten.length).toBeGreaterThanOrEqual(25)
})

it("gives turns in the order of their coming, and each one chunk", () => {
  const served: string[] = []
  let room = false
  const outbox = new Outbox(() => (room ? 0 : Number.POSITIVE_INFINITY))
  const sender = (name: string, chunks: number): { sendChunk: () => boolean } => ({
    sendChunk: () => {
      served.push(name)
      return --chunks > 0
    },
  })
  const [a, b, c, d] = [sender("a", 3), sender("b", 1), sender("c", 2), sender("d", 1)]
  for (const each of [a, b, c, d, a]) outbox.enqueue(each)
  outbox.leave(d)
  room = true
  outbox.pump()
  expect(served.join("")).toBe("abcaca")
  expect(outbox.open).toBe(true)
})

it("counts transports and servers without walking over them", async () => {
  const { daemon, connect } = await harness.startDaemon()
  const client = await connect()
  const peer = await listenPeer(harness)
  for (let count = 0; count < 3; count++) {
    await client.request("loop/createConnection", { host: "127.0.0.1", port: peer.port })
  }
  await client.request("loop/createServer", { host: "127.0.0.1", port: 0 })
  const walks = daemon.table.holdings.bind(daemon.table)
  daemon.table.holdings = () => {
    throw new Error("walked over all transports")
  }
  expect(await client.request("daemon/info", {})).toMatchObject({ transports: 3, servers: 1 })
  daemon.table.holdings = walks
})
