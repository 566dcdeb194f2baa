/** What an idle TCP connection costs: resident memory of a fresh daemon, beside a process that holds bare sockets. */
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { connect } from "transportd/client"
import { compare, type Measure } from "../measure.ts"
import { residentBytes, startDaemon, startRole } from "../processes.ts"
import { interleaved } from "../statistics.ts"
import type { Field } from "../field.ts"

/** Opened before the first look: until about here the heap grows by what it finds comfortable, not by what is held. */
const WARM = 2000
const CONNECTIONS = 4000

/** Opens as many connections; what the process takes then. */
type Open = (count: number) => Promise<void>

const HOLD = { daemon: inDaemon, "net.Socket": bare }
const NAMES = Object.keys(HOLD) as Array<keyof typeof HOLD>

export const memory: Measure = {
  name: "memory",
  about: "what an idle TCP connection takes",
  async run(field, { rounds, share }) {
    const costs = await interleaved(NAMES, rounds, (name) => HOLD[name](field, share))
    return [compare("memory of an idle TCP connection", "bytes", costs)("daemon", "net.Socket", { atMost: 1.3 })]
  },
}

let daemons = 0

async function inDaemon({ folder, ports }: Field, share: number): Promise<number> {
  const socket = join(folder, `memory-${++daemons}.sock`)
  const role = await startDaemon(socket)
  const client = await connect({ socket })
  const cost = await costOf(role.pid, share, async (count) => {
    while (count-- > 0) await client.loop.createConnection(() => ({}), { host: "127.0.0.1", port: ports.echo })
  })
  await client.close()
  await role.stop()
  return cost
}

async function bare({ ports }: Field, share: number): Promise<number> {
  const role = await startRole("holder", String(ports.echo))
  const { stdin, stdout } = role.child
  if (stdin === null || stdout === null) throw new Error("a role has pipes")
  const lines = createInterface(stdout)
  const cost = await costOf(role.pid, share, async (count) => {
    stdin.write(`${count}\n`)
    await once(lines, "line")
  })
  await role.stop()
  return cost
}

async function costOf(pid: number, share: number, open: Open): Promise<number> {
  const connections = Math.ceil(CONNECTIONS * share)
  await open(Math.ceil(WARM * share))
  const before = residentBytes(pid)
  await open(connections)
  return (residentBytes(pid) - before) / connections
}
