/** What one client costs while there are 1, 10, 100 of them, each with some transports, in one daemon. */
import { join } from "node:path"
import { connect, type Client } from "transportd/client"
import type { Field } from "../field.ts"
import { residentBytes, startDaemon } from "../processes.ts"
import { Costs } from "./growth.ts"
import { allGone, Herd } from "./herd.ts"

const TRANSPORTS_EACH = 10
const ROUND_TRIPS = 20_000
/** Fewer take less memory than one look differs from the next. */
const FEWEST_TO_WEIGH = 10

let daemons = 0

export async function clientCosts({ folder, ports }: Field, size: number, share: number): Promise<Costs> {
  const daemon = await startDaemon(join(folder, `clients-${++daemons}.sock`))
  const costs = new Costs(daemon.pid)
  const first = await connect(daemon)
  await use(new Herd(first, ports), 1)

  const clients: Client[] = []
  const before = residentBytes(daemon.pid)
  await costs.both("connecting it", size, async () => {
    while (clients.length < size) clients.push(await connect(daemon))
  })
  if (size >= FEWEST_TO_WEIGH) {
    costs.set("its memory", "bytes", (residentBytes(daemon.pid) - before) / size)
  }
  const herds = clients.map((client) => new Herd(client, ports))
  await costs.both(`opening its ${TRANSPORTS_EACH} transports`, size, () =>
    Promise.all(herds.map((herd) => herd.open(TRANSPORTS_EACH))),
  )
  const each = Math.ceil((ROUND_TRIPS * share) / size / TRANSPORTS_EACH)
  const all = (): Promise<unknown> => Promise.all(herds.map((herd) => herd.roundTrips(each)))
  await all()
  await costs.both("a round trip of 64 B", each * size * TRANSPORTS_EACH, all)
  await costs.processor("its line in `daemon/statistics`", size, () => first.request("daemon/statistics", {}))
  await costs.processor("its end, with all that it owns", size, async () => {
    await Promise.all(clients.map((client) => client.close()))
    await allGone(first)
  })
  await first.close()
  await daemon.stop()
  return costs
}

async function use(herd: Herd, each: number): Promise<void> {
  await herd.open(TRANSPORTS_EACH)
  await herd.roundTrips(each)
  await herd.end()
}
