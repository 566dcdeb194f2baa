/** What an idle TCP connection costs: resident memory of a fresh daemon, beside a process that holds bare sockets. */
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { connect } from "transportd/client"
import { compare, Unavailable, type Measure } from "../measure.ts"
import { maxDescriptors, residentBytes, startDaemon, startRole } from "../processes.ts"
import { interleaved } from "../statistics.ts"
import type { Field } from "../field.ts"

/** Opened before the first look: until about here the heap grows by what it finds comfortable, not by what is held. */
const WARM = 4000
/** So many that V8 collects in full meanwhile: what opening them leaves behind is there until then, and is not held. */
const CONNECTIONS = 10_000
/** Descriptors that a process has beside its connections. */
const OTHERS = 100

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
  const warm = Math.ceil(WARM * share)
  const connections = Math.min(Math.ceil(CONNECTIONS * share), maxDescriptors() - OTHERS - warm)
  if (connections <= 0) throw new Unavailable(`memory needs ${warm + OTHERS} descriptors in one process (ulimit -Hn)`)
  await open(warm)
  const before = residentBytes(pid)
  await open(connections)
  return (residentBytes(pid) - before) / connections
}
