/** Datagrams of 512 bytes, echoed, beside Node's own dgram. */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import type { Client } from "transportd/client"
import { compare, type Measure } from "../measure.ts"
import { startRole } from "../processes.ts"
import { interleaved, seconds } from "../statistics.ts"

const BYTES = 512
/** Sent and not yet back: few enough for every buffer on the way, since one that is dropped never comes. */
const OUTSTANDING = 64
const NAMES = ["daemon", "dgram"] as const

/** Where datagrams go out, and how to be rid of it. */
interface Endpoint {
  send(data: Uint8Array): void
  close(): void
}

/** Opens an endpoint for the port of the remote; `received` is called for each datagram. */
type Open = (port: number, received: () => void) => Promise<Endpoint>

export const datagrams: Measure = {
  name: "datagrams",
  about: "UDP datagrams of 512 bytes there and back",
  async run(field, { rounds, share }) {
    const { client } = await field.way("daemon")
    const remote = await startRole<{ port: number }>("datagramEcho")
    const open: Record<(typeof NAMES)[number], Open> = {
      daemon: (port, received) => throughDaemon(client, port, received),
      dgram: directly,
    }
    const total = Math.ceil(80_000 * share)
    const rates = await interleaved(NAMES, rounds, async (name) => {
      const took = await seconds(() => echoed(open[name], remote.ready.port, total))
      return total / took
    })
    await remote.stop()
    const row = compare(`UDP echo, ${BYTES} B`, "datagrams/s", rates)
    return [row("daemon", "dgram", { atLeast: 0.6 })]
  },
}

async function echoed(open: Open, port: number, total: number): Promise<void> {
  const data = Buffer.alloc(BYTES, "ping ")
  let [sent, back, seen] = [0, 0, 0]
  let finish = (_error?: Error): void => {}
  const finished = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error))
  })
  const endpoint = await open(port, () => {
    if (++back === total) finish()
    else if (sent < total) send()
  })
  const send = (): void => {
    sent++
    endpoint.send(data)
  }
  const watch = setInterval(() => {
    if (back === seen) finish(new Error(`${sent - back} datagrams did not come back`))
    seen = back
  }, 5000)
  while (sent < Math.min(OUTSTANDING, total)) send()
  await finished.finally(() => clearInterval(watch))
  endpoint.close()
}

async function throughDaemon({ loop }: Client, port: number, received: () => void): Promise<Endpoint> {
  const protocol = { datagramReceived: received }
  const [transport] = await loop.createDatagramEndpoint(() => protocol, { remoteAddr: { host: "127.0.0.1", port } })
  return { send: (data) => transport.sendto(data), close: () => transport.abort() }
}

async function directly(port: number, received: () => void): Promise<Endpoint> {
  const socket = createSocket("udp4", received)
  socket.connect(port, "127.0.0.1")
  await once(socket, "connect")
  return { send: (data) => socket.send(data), close: () => socket.close() }
}
