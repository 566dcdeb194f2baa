/** What one transport costs while one client has 1, 10, … 10 000 of them in one daemon. */
import { join } from "node:path"
import { connect, type Client } from "transportd/client"
import type { Field } from "../field.ts"
import { residentBytes, startDaemon } from "../processes.ts"
import { Costs } from "./growth.ts"
import { allGone, Herd, together } from "./herd.ts"

/** Opened and ended before the first look: what a first one costs once is nobody's. */
const WARM = 50
/** Fewer take less memory than one look differs from the next. */
const FEWEST_TO_WEIGH = 100
/** Things to do at every size, however many do them. */
const ROUND_TRIPS = 20_000
const ECHOED_BYTES = 64 * 1024 * 1024
const QUESTIONS = 50
/** Of those about one thing, of which a few take less than a processor's waking does. */
const SHORT_QUESTIONS = 2000

let daemons = 0

export async function transportCosts({ folder, ports }: Field, size: number, share: number): Promise<Costs> {
  const daemon = await startDaemon(join(folder, `transports-${++daemons}.sock`))
  const costs = new Costs(daemon.pid)
  const [client, watcher] = [await connect(daemon), await connect(daemon)]
  await watcher.watch(() => {})
  const herd = new Herd(client, ports)
  await herd.open(WARM)
  await herd.roundTrips(10)
  await herd.end()

  const before = residentBytes(daemon.pid)
  await costs.both("opening it", size, () => herd.open(size))
  if (size >= FEWEST_TO_WEIGH) {
    costs.set("its memory", "bytes", (residentBytes(daemon.pid) - before) / size)
  }
  await traffic(costs, herd, { size, share })
  await questions(costs, client, herd, size)
  await costs.processor("aborting it, with a watcher", size, () => herd.end())

  await herd.open(size)
  await costs.processor("ending it with its client", size, async () => {
    await client.close()
    await allGone(watcher)
  })
  await lives(costs, { socket: daemon.socket, ports }, size)
  await watcher.close()
  await daemon.stop()
  return costs
}

async function traffic(costs: Costs, herd: Herd, { size, share }: { size: number; share: number }): Promise<void> {
  const each = Math.max(2, Math.ceil((ROUND_TRIPS * share) / size))
  await herd.roundTrips(each)
  await costs.both("a round trip of 64 B", each * size, () => herd.roundTrips(each))
  // Whole KiB each, so that it can be cut into pieces.
  const bytes = Math.max(1024, 2 ** Math.floor(Math.log2((ECHOED_BYTES * share) / size)))
  await costs.both("a KiB echoed", (bytes / 1024) * size, () => herd.echoed(bytes))
}

async function questions(costs: Costs, client: Client, herd: Herd, size: number): Promise<void> {
  const times = Math.max(2, Math.ceil(QUESTIONS / size))
  const ask = async (count: number, question: () => Promise<unknown>): Promise<void> => {
    for (let time = 0; time < count; time++) await question()
  }
  await costs.processor("its line in `transport/list`", times * size, () =>
    ask(times, () => client.request("transport/list", {})),
  )
  await costs.processor("its line in `daemon/statistics`", times * size, () =>
    ask(times, () => client.request("daemon/statistics", {})),
  )
  await costs.processor("a `daemon/info` (one)", SHORT_QUESTIONS, () =>
    ask(SHORT_QUESTIONS, () => client.request("daemon/info", {})),
  )
  const transport = herd.transports[0]?.id ?? 0
  await costs.processor("a `transport/describe` (one)", SHORT_QUESTIONS, () =>
    ask(SHORT_QUESTIONS, () => client.request("transport/describe", { transport })),
  )
}

/** Those that stay when their client goes, each with a timer until somebody comes back for it. */
async function lives(
  costs: Costs,
  { socket, ports }: { socket: string; ports: Field["ports"] },
  size: number,
): Promise<void> {
  const leaver = await connect({ socket })
  const herd = new Herd(leaver, ports)
  await herd.open(size, { lifetime: "daemon", graceMs: 3_600_000, retainBytes: 1024 })
  const ids = herd.transports.map(({ id }) => id)
  await leaver.close()
  const heir = await connect({ socket })
  await costs.processor("coming back to it", size, () =>
    together(size, (index) => heir.request("transport/attach", { transport: ids[index] ?? 0 })),
  )
  await costs.processor("aborting it, kept for late clients", size, async () => {
    const all = ended(heir, size)
    await together(size, (index) => heir.request("transport/abort", { transport: ids[index] ?? 0 }))
    await all
  })
  await heir.close()
}

/** Resolves when `count` transports have ended; few of them end at once, so that none is missed. */
async function ended(watcher: Client, count: number): Promise<void> {
  await new Promise<void>((resolve) => {
    void watcher.watch(({ event }) => {
      if (event === "ended" && --count === 0) resolve()
    })
  })
}
