/**
 * The daemon itself is killed without a word. What it held is gone, and everybody hears so: each protocol once, each
 * request that waits, and a client that comes back finds another daemon and a definite end.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { expect, test } from "vitest"
import { connect, ConnectionEnded, type Client } from "transportd/client"
import { listenPeer } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { faults } from "./support/world.ts"

const world = faults()

/** A protocol of any kind that notes its end. */
class Ears {
  readonly losses: Array<Error | null> = []
  made = 0

  connectionMade(): void {
    this.made++
  }

  connectionLost(error: Error | null): void {
    this.losses.push(error)
  }
}

/** One of each kind, with `lifetime`. */
async function oneOfEach(client: Client, port: number, lifetime: "client" | "daemon"): Promise<Ears[]> {
  const options = { lifetime } as const
  const [, tcp] = await client.loop.createConnection(() => new Ears(), { host: "127.0.0.1", port, options })
  const [, child] = await client.loop.subprocessExec(() => new Ears(), [cat.program], { options })
  const localAddr = { host: "127.0.0.1", port: 0 }
  const [, udp] = await client.loop.createDatagramEndpoint(() => new Ears(), { localAddr })
  return [tcp, child, udp]
}

test("every protocol hears the loss of a killed daemon once, and every request that waits fails", async () => {
  const socket = join(world.folder, "daemon.sock")
  const daemon = await world.daemon(socket)
  const remote = await listenPeer(world)
  // Nobody reads it: opening it for writing waits.
  const fifo = join(world.folder, "fifo")
  execFileSync("mkfifo", [fifo])
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect({ socket })))
  const heard: Ears[] = []
  const waiting: Array<Promise<unknown>> = []
  for (const client of clients) {
    heard.push(...(await oneOfEach(client, remote.port, "client")), ...(await oneOfEach(client, remote.port, "daemon")))
    const opened = client.loop.connectWritePipe(() => new Ears(), { path: fifo })
    waiting.push(opened.catch((error: unknown) => error))
    // Behind it: an answer to this one means that the daemon has the other.
    await client.request("daemon/info", {})
  }
  await daemon.kill()
  await Promise.all(clients.map(({ closed }) => closed))
  for (const { made, losses } of heard) {
    expect(made).toBe(1)
    expect(losses).toHaveLength(1)
    expect(losses[0]).toBeInstanceOf(ConnectionEnded)
  }
  for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(ConnectionEnded)
  for (const client of clients) await expect(client.request("daemon/info", {})).rejects.toThrow(ConnectionEnded)
})

test("a client that comes back after a daemon was killed and started again gets a definite end, once", async () => {
  const socket = join(world.folder, "daemon.sock")
  const daemon = await world.daemon(socket)
  const remote = await listenPeer(world)
  const client = await connect({ socket, reconnect: { minDelayMs: 1, maxDelayMs: 5 } })
  const kept = await oneOfEach(client, remote.port, "daemon")
  const gone = await oneOfEach(client, remote.port, "client")
  const server = await client.loop.createServer(() => new Ears(), {
    host: "127.0.0.1",
    port: 0,
    options: { lifetime: "daemon" },
  })
  await daemon.kill()
  // On the same socket: what the killed one left there is in nobody's way.
  await world.daemon(socket)
  await client.closed
  const [tcp, child] = kept
  for (const { losses } of [tcp, child] as Ears[]) {
    expect(losses).toHaveLength(1)
    expect(losses[0]).toMatchObject({ name: "ShuttingDown" })
  }
  for (const { losses } of gone) {
    expect(losses).toHaveLength(1)
    expect(losses[0]).toBeInstanceOf(ConnectionEnded)
  }
  await server.waitClosed()
  const next = await connect({ socket })
  expect((await next.request("transport/list", {})).transports).toEqual([])
  await next.close()
})
