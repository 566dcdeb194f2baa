/** A client that is gone without a word is noticed by its silence; one that is merely stopped is left alone. */
import { hostname } from "node:os"
import { expect, test } from "vitest"
import { TestClock } from "../support/clock.ts"
import { cat } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

async function start(self: object): Promise<{ clock: TestClock; clients(): Promise<number> }> {
  const clock = new TestClock()
  const { connect, connectRaw } = await harness.startDaemon({ clock })
  const watcher = await connect()
  const client = await connectRaw()
  await client.request("initialize", { protocolVersion: 1, heartbeatMs: 1000, ...self })
  await client.request("loop/subprocessExec", { ...cat })
  return { clock, clients: async () => (await watcher.request<{ clients: number }>("daemon/info")).clients }
}

test("a client that is silent for three intervals is taken for gone, with what it owned", async () => {
  const { clock, clients } = await start({ processId: process.pid, hostname: "elsewhere" })
  clock.advance(2_999)
  expect(await clients()).toBe(2)
  clock.advance(1_001)
  while ((await clients()) > 1) clock.advance(50)
})

test("a client whose process is there is left alone, however silent", async () => {
  const { clock, clients } = await start({ processId: process.pid, hostname: hostname() })
  clock.advance(60_000)
  expect(await clients()).toBe(2)
})

test("a client that says something now and then is there, and is answered", async () => {
  const clock = new TestClock()
  const { connectRaw } = await harness.startDaemon({ clock })
  const client = await connectRaw()
  await client.request("initialize", { protocolVersion: 1, heartbeatMs: 1000 })
  for (let round = 0; round < 10; round++) {
    client.notify("$/heartbeat")
    await client.barrier()
    clock.advance(1000)
  }
  await client.until(() => client.notifications.filter(({ method }) => method === "$/heartbeat").length >= 9)
  expect(client.isClosed).toBe(false)
})
