/**
 * Many transports of one client, and many clients of one daemon: all usable, all listed, all gone at the end.
 * `MANY_CONNECTIONS` sets how many connections there are; 10 000 in the long form.
 */
import { once } from "node:events"
import { createServer, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { expect, test } from "vitest"
import { connect, type Client, type Protocol, type Transport } from "transportd/client"
import { canLook, descriptorLimit, descriptorsOf, until } from "./support/look.ts"
import { faults } from "./support/world.ts"

const world = faults()
const COUNT = Number(process.env.MANY_CONNECTIONS ?? 1_000)
/** Attempts at once: the system's row of those not yet accepted has an end. */
const AT_ONCE = 50
/** Each has ports of its own towards the server, so that those just closed are not missed. */
const ADDRESSES = 8
// This process has the far ends, the daemon the near ones; each needs some more for itself.
const needed = COUNT + 200
const enough = canLook && descriptorLimit() >= needed
if (!enough) console.warn(`skipped: ${COUNT} connections need \`ulimit -Hn\` of ${needed}, and /proc`)

/** Echoes, and counts what is open; the protocol object of the client counts what it hears. */
async function remote(): Promise<{ port: number; open: Set<Socket> }> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on("close", () => open.delete(socket))
    socket.on("error", () => {}).pipe(socket)
  })
  server.listen({ port: 0, host: "0.0.0.0", backlog: 1_024 })
  await once(server, "listening")
  world.cleanup(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, "close")
  })
  return { port: (server.address() as AddressInfo).port, open }
}

class Line implements Protocol {
  readonly lost: Promise<Error | null>
  made = 0
  losses = 0
  transport: Transport | undefined
  #echoed = (_data: string): void => {}
  #lose = (_error: Error | null): void => {}

  constructor() {
    this.lost = new Promise((resolve) => (this.#lose = resolve))
  }

  connectionMade(transport: Transport): void {
    this.made++
    this.transport = transport
  }

  dataReceived(data: Buffer): void {
    this.#echoed(data.toString())
  }

  connectionLost(error: Error | null): void {
    this.losses++
    this.#lose(error)
  }

  /** What comes back of a short word. */
  echo(word: string): Promise<string> {
    const back = new Promise<string>((resolve) => (this.#echoed = resolve))
    this.transport?.write(Buffer.from(word))
    return back
  }
}

async function dial(client: Client, port: number, index: number): Promise<Line> {
  const host = `127.0.0.${1 + (index % ADDRESSES)}`
  const [, line] = await client.loop.createConnection(() => new Line(), { host, port })
  return line
}

test.skipIf(!enough)(
  `${COUNT} connections of one client are open, listed and usable, and all of them close`,
  { timeout: 20_000 + 10 * COUNT },
  async () => {
    const socket = join(world.folder, "daemon.sock")
    const daemon = await world.daemon(socket)
    const { port, open } = await remote()
    const [client, other] = [await connect({ socket }), await connect({ socket })]
    world.cleanup(() => Promise.all([client.close(), other.close()]))
    const before = descriptorsOf(daemon.pid).size
    const lines: Line[] = []
    while (lines.length < COUNT) {
      const more = Array.from({ length: Math.min(AT_ONCE, COUNT - lines.length) }, (_, index) =>
        dial(client, port, lines.length + index),
      )
      lines.push(...(await Promise.all(more)))
    }
    const { transports } = await other.request("transport/list", {})
    expect(new Set(transports.map(({ transport }) => transport)).size).toBe(COUNT)
    expect(descriptorsOf(daemon.pid).size).toBe(before + COUNT)
    for (let trip = 0; trip < 100; trip++) {
      const at = world.between(0, COUNT)
      expect(await lines[at]?.echo(`trip ${trip}`)).toBe(`trip ${trip}`)
    }
    for (const { transport } of lines) transport?.close()
    expect(new Set(await Promise.all(lines.map(({ lost }) => lost)))).toEqual(new Set([null]))
    expect(lines.every(({ made, losses }) => made === 1 && losses === 1)).toBe(true)
    expect((await other.request("transport/list", {})).transports).toEqual([])
    await until(() => open.size === 0 && descriptorsOf(daemon.pid).size === before)
  },
)

test.skipIf(!enough)("a hundred clients at once each have their own, and leave nothing when they leave", async () => {
  const socket = join(world.folder, "daemon.sock")
  const daemon = await world.daemon(socket)
  const { port, open } = await remote()
  const watcher = await connect({ socket })
  world.cleanup(() => watcher.close())
  const before = descriptorsOf(daemon.pid).size
  const clients = await Promise.all(Array.from({ length: 100 }, () => connect({ socket })))
  world.cleanup(() => Promise.all(clients.map((client) => client.close())))
  const said = await Promise.all(
    clients.map(async (client, index) => {
      const lines = await Promise.all([0, 1, 2].map((line) => dial(client, port, index + line)))
      return Promise.all(lines.map((line, at) => line.echo(`client ${index}, line ${at}`)))
    }),
  )
  expect(said).toEqual(clients.map((_, index) => [0, 1, 2].map((at) => `client ${index}, line ${at}`)))
  expect((await watcher.request("daemon/info", {})).clients).toBe(101)
  // Half of them go without a word.
  for (const client of clients.slice(50)) client.destroy()
  await Promise.all(clients.slice(0, 50).map((client) => client.close()))
  await until(async () => (await watcher.request("daemon/info", {})).clients === 1)
  await until(() => open.size === 0 && descriptorsOf(daemon.pid).size === before)
  expect((await watcher.request("transport/list", {})).transports).toEqual([])
})
