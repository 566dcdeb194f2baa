/**
 * A client that is stopped under traffic costs the daemon no memory, and nobody else anything; going on, it gets all.
 * `STOPPED_MB` sets how much traffic there is; 200 in the long form.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { expect, test } from "vitest"
import { connect, type Client, type Protocol, type Transport } from "transportd/client"
import { echo, listenPeer } from "../support/peers.ts"
import { pattern } from "../support/random.ts"
import type { Count } from "./programs/reader.ts"
import { canLook, isStopped, residentBytes, until } from "./support/look.ts"
import { values } from "./support/processes.ts"
import { faults } from "./support/world.ts"

const world = faults()
const MB = 1_000_000
const TRAFFIC_BYTES = Number(process.env.STOPPED_MB ?? 60) * MB
const STREAMS = 4
const ROUND_TRIPS = 1_000

/** Sends bytes and waits for as many back, again and again. */
class Echoer implements Protocol {
  #transport: Transport | undefined
  #missing = 0
  #back = (): void => {}

  connectionMade(transport: Transport): void {
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    this.#missing -= data.length
    if (this.#missing === 0) this.#back()
  }

  async roundTrip(data: Buffer): Promise<void> {
    this.#missing += data.length
    const back = new Promise<void>((resolve) => (this.#back = resolve))
    this.#transport?.write(data)
    await back
  }
}

async function echoer(client: Client, port: number, name?: string): Promise<Echoer> {
  const options = { ...(name !== undefined && { name }) }
  const [, protocol] = await client.loop.createConnection(() => new Echoer(), { host: "127.0.0.1", port, options })
  return protocol
}

test.skipIf(!canLook)(
  "a client stopped under traffic takes no memory of the daemon, holds nobody back, and gets all when it goes on",
  { timeout: 20_000 + TRAFFIC_BYTES / 1_000 },
  async () => {
    const socket = join(world.folder, "daemon.sock")
    const daemon = await world.daemon(socket)
    const block = pattern(MB, 1 + world.between(0, 1_000_000))
    const blocks = TRAFFIC_BYTES / MB
    let stopped = (): void => {}
    const whenStopped = new Promise<void>((resolve) => (stopped = resolve))
    const source = await listenPeer(world, (remote) => {
      void (async () => {
        for (let sent = 0; sent < blocks / STREAMS; sent++) {
          if (!remote.write(block)) await once(remote, "drain")
          await whenStopped
        }
        remote.end()
      })()
    })
    const echoes = await listenPeer(world, echo)
    const second = await connect({ socket })
    world.cleanup(() => second.close())
    const bulk = await echoer(second, echoes.port, "watched")
    const pings = await echoer(second, echoes.port)
    const traffic = async (megabytes: number): Promise<void> => {
      for (let sent = 0; sent < megabytes; sent++) await bulk.roundTrip(block)
    }
    // Warm: what a first use costs once is not what a stopped client costs.
    await traffic(blocks)

    const params = { socket, port: source.port, streams: STREAMS, observes: "watched" }
    const first = world.program("reader", params)
    const heard = values(first)
    let begun = false
    const ready = heard().then(() => (begun = true))
    while (!begun) {
      await bulk.roundTrip(block.subarray(0, 10_000))
      await turn()
    }
    await ready
    first.child.kill("SIGSTOP")
    await until(() => isStopped(first.pid))
    stopped()
    const before = residentBytes(daemon.pid)
    let most = before
    let trips = 0
    const pinging = (async () => {
      for (; trips < ROUND_TRIPS; trips++) {
        await pings.roundTrip(block.subarray(0, 64))
        if (trips % 20 === 0) most = Math.max(most, residentBytes(daemon.pid))
      }
    })()
    for (let sent = 0; sent < blocks; sent++) {
      await traffic(1)
      most = Math.max(most, residentBytes(daemon.pid))
    }
    await pinging
    expect(isStopped(first.pid)).toBe(true)
    expect(trips).toBe(ROUND_TRIPS)
    if (process.env.STOPPED_MB !== undefined) console.info(`grew by ${((most - before) / MB).toFixed(1)} MB`)
    expect(most - before).toBeLessThan(32 * 1024 * 1024)

    first.child.kill("SIGCONT")
    const { channels } = await second.request("transport/describe", { transport: "watched" })
    await second.request("transport/close", { transport: "watched" })
    const counts = (await heard()) as Count[]
    const watched = counts.pop() as Count
    const hash = createHash("sha256")
    for (let sent = 0; sent < blocks / STREAMS; sent++) hash.update(block)
    const whole = { bytes: (blocks / STREAMS) * MB, lostBytes: 0, hash: hash.digest("hex") }
    expect(counts).toEqual(Array.from({ length: STREAMS }, () => whole))
    // The one who watched was too slow, and was told of every byte that it missed.
    expect(watched.lostBytes).toBeGreaterThan(0)
    expect(watched.bytes + watched.lostBytes).toBe(channels[0]?.received)
    expect(await first.ended, first.said).toBe(0)
  },
)
