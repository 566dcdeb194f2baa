/** What a datagram endpoint keeps while nobody owns it, and what its next owner gets of it. */
import { expect, test } from "vitest"
import type { RawClient } from "../support/client.ts"
import { udpPeer } from "../support/datagrams.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

/** An endpoint that was left, and then got `1` to `5`, of ten bytes each; with somebody who has heard them all. */
async function abandoned(options: object): Promise<{ transport: number; observer: RawClient; next: RawClient }> {
  const { connect } = await harness.startDaemon()
  const peer = await udpPeer(harness)
  const [first, observer, next] = [await connect(), await connect(), await connect()]
  const { transport, extra } = await first.request<{ transport: number; extra: { sockname: { port: number } } }>(
    "loop/createDatagramEndpoint",
    { localAddr: { host: "127.0.0.1", port: 0 }, options: { lifetime: "daemon", retainBytes: 30, ...options } },
  )
  await observer.request("transport/attach", { transport, role: "observer" })
  first.notify("transport/detach", { transport })
  await first.barrier()
  for (const name of "12345") await peer.send(name.repeat(10), { host: "127.0.0.1", port: extra.sockname.port })
  const heard = (): boolean =>
    observer.callbacks(transport).includes("connectionLost") || observer.count(transport) === 50
  await observer.until(heard)
  return { transport, observer, next }
}

/** What an owner that comes now hears of the past, in short: names, and how many are missing where. */
async function past(client: RawClient, transport: number, since?: string): Promise<unknown[]> {
  await client.request("transport/attach", { transport, ...(since !== undefined && { since }) })
  await client.barrier()
  return client.of(transport).map(({ params: { data, count } }) => count ?? (data as Buffer).toString().slice(0, 1))
}

test("without an owner the first datagrams are kept, and those that follow are counted", async () => {
  const { transport, next } = await abandoned({})
  const { channels } = await next.request<{ channels: Array<{ retained: object }> }>("transport/describe", {
    transport,
  })
  expect(channels[0]?.retained).toEqual({ from: 0, to: 30 })
  expect(await past(next, transport)).toEqual(["1", "2", "3", 2])
})

test("with whenFull dropOldest the last datagrams are kept, and those before are counted", async () => {
  const { transport, next } = await abandoned({ whenFull: "dropOldest" })
  expect(await past(next, transport)).toEqual([2, "3", "4", "5"])
})

test("a datagram that is more than may be kept is dropped, not all others for it", async () => {
  const { transport, next } = await abandoned({ whenFull: "dropOldest", retainBytes: 9 })
  expect(await past(next, transport)).toEqual([5])
})

test("with whenFull close the endpoint ends with LimitExceeded", async () => {
  const { transport, observer } = await abandoned({ whenFull: "close" })
  expect((await observer.lost(transport)).params.error).toMatchObject({
    code: 1003,
    data: { limit: 30, unit: "bytes" },
  })
})

test("since now gives an owner nothing of the past", async () => {
  const { transport, next } = await abandoned({})
  expect(await past(next, transport, "now")).toEqual([])
})
