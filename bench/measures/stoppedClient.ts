/** What a client that was stopped while it read costs another one: throughput and round trips beside it, and alone. */
import { once } from "node:events"
import { join } from "node:path"
import type { Field } from "../field.ts"
import { compare, type Measure } from "../measure.ts"
import { startDaemon, startRole, type Daemon, type Role } from "../processes.ts"
import { each, interleaved, percentile, seconds } from "../statistics.ts"
import { echoed, roundTrips } from "../traffic.ts"
import { throughLibrary, type LibraryWay } from "../ways/daemon.ts"

const PIECE = 65_536
const PIECES = 1_500
const TRIPS = 4_000
const NAMES = ["alone", "beside a stopped client"] as const

export const stoppedClient: Measure = {
  name: "stoppedClient",
  about: "what a stopped client costs the others",
  async run(field, { rounds, share }) {
    // A daemon for each: nothing of the stopped one is where there is none.
    const daemons = await Promise.all(NAMES.map((name) => startDaemon(join(field.folder, `${name}.sock`))))
    const [alone, beside] = await Promise.all(daemons.map((daemon) => wayTo(daemon, field)))
    const ways = { alone, "beside a stopped client": beside } as Record<(typeof NAMES)[number], LibraryWay>
    const stopped = await stoppedReader(daemons[1] as Daemon, field)
    const total = Math.ceil(PIECES * share) * PIECE
    const all = await interleaved(NAMES, rounds, async (name) => {
      const took = await seconds(() => echoed(ways[name], { total, piece: PIECE }))
      const trips = await roundTrips(ways[name], { bytes: 64, times: Math.ceil(TRIPS * share) })
      return { rate: total / 1e6 / took, slow: percentile(trips, 99) }
    })
    stopped.child.kill("SIGKILL")
    await once(stopped.child, "exit")
    for (const way of Object.values(ways)) await way.end()
    await Promise.all(daemons.map((daemon) => daemon.stop()))
    const [rates, slow] = [each(all, ({ rate }) => rate), each(all, (took) => took.slow)]
    return [
      compare("echo, 64 KiB", "MB/s", rates)("beside a stopped client", "alone", { atLeast: 0.9 }),
      compare("round trip, 64 B, p99", "µs", slow)("beside a stopped client", "alone", { atMost: 1.1 }),
    ]
  },
}

function wayTo(daemon: Daemon, { folder, ports }: Field): Promise<LibraryWay> {
  return throughLibrary({ folder, ports, daemon: () => Promise.resolve(daemon) })
}

/** It reads a stream without an end, and then does not. */
async function stoppedReader({ socket }: Daemon, { ports }: Field): Promise<Role<object>> {
  const reader = await startRole<object>("reader", socket, String(ports.source))
  reader.child.kill("SIGSTOP")
  return reader
}
