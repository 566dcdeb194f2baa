/** What a client of the soak may do, each with how often. Chance decides the details. */
import type { Remotes } from "./remotes.ts"
import type { Endpoint, SoakClient } from "./client.ts"
import { datagram } from "./bytes.ts"

/** What operations need of their surroundings. */
export interface Ground {
  readonly remotes: Remotes
  chance(probability: number): boolean
  between(from: number, to: number): number
  oneOf<Item>(items: readonly Item[]): Item | undefined
  /** A number that was never given before. */
  next(): number
}

export interface Listed {
  readonly transport: number
  readonly kind: string
  readonly server?: number
  readonly name?: string
  readonly clientId: number | null
  readonly lifetime: string
  readonly state: string
  readonly channels: ReadonlyArray<{
    received: number
    sent: number
    consumed: number
    retained: { from: number; to: number }
    written: number
    flushed: number
  }>
}

interface ServerListed {
  readonly server: number
  readonly sockets: ReadonlyArray<{ readonly port: number }>
}

type Operation = (client: SoakClient, ground: Ground) => unknown

const MAX_TRANSPORTS = 60
const MAX_PROCESSES = 12

async function listed(client: SoakClient): Promise<readonly Listed[]> {
  return (await client.ask<{ transports: Listed[] }>("transport/list", {}))?.transports ?? []
}

async function servers(client: SoakClient): Promise<readonly ServerListed[]> {
  return (await client.ask<{ servers: ServerListed[] }>("server/list", {}))?.servers ?? []
}

/** Whether there is room for one more. */
async function hasRoom(client: SoakClient, kind?: string): Promise<boolean> {
  const all = await listed(client)
  const some = all.filter((each) => each.kind === kind && each.state !== "ended")
  return all.length < MAX_TRANSPORTS && some.length < MAX_PROCESSES
}

function options({ chance, oneOf, next }: Ground, name: string): object {
  const lifetime = chance(0.6) ? "daemon" : "client"
  return {
    lifetime,
    ...(chance(0.7) && { name: `${name}-${next()}` }),
    ...(chance(0.3) && { whenFull: oneOf(["block", "dropOldest", "close"]) }),
    ...(chance(0.3) && { retainBytes: oneOf([1, 1_000, 100_000]) }),
    ...(chance(0.1) && { paused: true }),
    ...(lifetime === "daemon" && chance(0.1) && { graceMs: oneOf([1, 50, 1_000]) }),
  }
}

const TCP = { role: "owner", salted: true, accepted: false } as const

async function openTcp(client: SoakClient, ground: Ground): Promise<void> {
  if (!(await hasRoom(client))) return
  const onEof = ground.chance(0.5) ? "keep" : "close"
  const params = { host: "127.0.0.1", port: ground.remotes.port, options: { ...options(ground, "tcp"), onEof } }
  await client.open("loop/createConnection", params, TCP)
}

async function openServer(client: SoakClient, ground: Ground): Promise<void> {
  if ((await servers(client)).length > 6) return
  const params = { host: "127.0.0.1", port: 0, options: options(ground, "server") }
  await client.ask("loop/createServer", params)
}

async function visitServer(client: SoakClient, ground: Ground): Promise<void> {
  const server = ground.oneOf(await servers(client))
  const port = server?.sockets[0]?.port
  if (port !== undefined && (await hasRoom(client))) await ground.remotes.visit(port)
}

async function takeServer(client: SoakClient, ground: Ground): Promise<void> {
  const server = ground.oneOf(await servers(client))
  if (server !== undefined) await client.ask("server/attach", { server: server.server, steal: ground.chance(0.5) })
}

async function endServer(client: SoakClient, ground: Ground): Promise<void> {
  const server = ground.oneOf(await servers(client))
  if (server === undefined) return
  await client.ask(ground.chance(0.5) ? "server/close" : "server/detach", { server: server.server })
}

/** A process that says what it is told. */
async function openCat(client: SoakClient, ground: Ground): Promise<void> {
  if (!(await hasRoom(client, "subprocess"))) return
  // Always named: by that others know what it says.
  const params = {
    program: "cat",
    stderr: "null",
    options: { ...options(ground, "cat"), name: `cat-${ground.next()}` },
  }
  await client.open("loop/subprocessExec", params, TCP)
}

const JOBS = [
  "exit 3",
  "echo out; echo err >&2",
  "head -c 300000 /dev/zero; exit 7",
  // More than is kept, and an end: one that never stops would leave the other operations no time.
  "head -c 20000000 /dev/zero",
  "sleep 1000",
  'trap "" TERM; echo stubborn; while :; do sleep 1000 & wait; done',
  "sleep 1000 & echo left; exit 0",
]

async function openJob(client: SoakClient, ground: Ground): Promise<void> {
  if (!(await hasRoom(client, "subprocess"))) return
  const args = ["-c", ground.oneOf(JOBS) as string]
  const params = { program: "/bin/sh", args, drainMs: 50, options: options(ground, "job") }
  await client.open("loop/subprocessExec", params, { ...TCP, salted: false })
}

async function openUdp(client: SoakClient, ground: Ground): Promise<void> {
  if (!(await hasRoom(client, "udp"))) return
  const params = { localAddr: { host: "127.0.0.1", port: 0 }, options: options(ground, "udp") }
  await client.open("loop/createDatagramEndpoint", params, { ...TCP, salted: false })
}

function sendDatagrams(client: SoakClient, ground: Ground): void {
  const endpoint = mine(client, ground, ({ kind }) => kind === "udp")
  if (endpoint === undefined) return
  const addr = { host: "127.0.0.1", port: ground.remotes.udpPort }
  for (let count = ground.between(1, 10); count > 0; count--) {
    client.notify("transport/sendto", { transport: endpoint.transport, data: datagram(ground.next()), addr })
  }
}

/** One of what this client is attached to, and may use as its owner. */
function mine(
  client: SoakClient,
  { oneOf }: Ground,
  which: (endpoint: Endpoint) => boolean = () => true,
): Endpoint | undefined {
  return oneOf([...client.endpoints.values()].filter((each) => each.role === "owner" && which(each)))
}

function write(client: SoakClient, ground: Ground): void {
  const endpoint = mine(client, ground, ({ writing }) => writing !== null)
  if (endpoint === undefined) return
  for (let count = ground.between(1, 8); count > 0; count--) {
    client.write(endpoint, ground.between(1, ground.chance(0.5) ? 100 : 65_000), ground.chance(0.2))
  }
}

function say(method: string): Operation {
  return (client, ground) => {
    const endpoint = mine(client, ground)
    if (endpoint === undefined) return
    if (method === "transport/writeEof" && endpoint.writing === null) return
    // What ends the writing ends it for who comes after, too.
    client.notify(method, { transport: endpoint.transport })
  }
}

async function attach(client: SoakClient, ground: Ground): Promise<void> {
  const found = ground.oneOf(await listed(client))
  if (found === undefined) return
  const { transport, kind, name = "", server } = found
  const role = ground.chance(0.3) ? "observer" : "owner"
  const since = ground.oneOf(["start", "now", undefined, undefined])
  const params = { transport, role, steal: ground.chance(0.5), ...(since !== undefined && { since }) }
  const salted = kind === "tcp" || name.startsWith("cat-")
  await client.open("transport/attach", params, { role, salted, accepted: server !== undefined })
}

function detach(client: SoakClient, { oneOf }: Ground): void {
  const transport = oneOf([...client.endpoints.keys()])
  if (transport === undefined) return
  client.endpoints.delete(transport)
  client.detached.add(transport)
  client.notify("transport/detach", { transport })
}

function beSlow(client: SoakClient): void {
  client.consumes = false
}

async function ask(client: SoakClient, { oneOf }: Ground): Promise<void> {
  const transport = oneOf([...client.endpoints.keys()])
  await client.ask("daemon/statistics", {})
  if (transport !== undefined) await client.ask("transport/describe", { transport })
}

function remoteSays(_client: SoakClient, { remotes, oneOf, between, chance }: Ground): void {
  for (let count = between(1, 10); count > 0; count--)
    oneOf([...remotes.ends])?.say(between(1, chance(0.5) ? 200 : 65_000))
}

function remoteEnds(_client: SoakClient, { remotes, oneOf, chance }: Ground): void {
  const end = oneOf([...remotes.ends])
  if (chance(0.3)) end?.socket.resetAndDestroy()
  else end?.socket.end()
}

/** Name, what it is, and how often. */
export const OPERATIONS: ReadonlyArray<readonly [string, Operation, number]> = [
  ["open TCP", openTcp, 8],
  ["open a server", openServer, 1],
  ["visit a server", visitServer, 4],
  ["take over a server", takeServer, 1],
  ["end a server", endServer, 0.5],
  ["start cat", openCat, 1],
  ["start a job", openJob, 1],
  ["open UDP", openUdp, 1],
  ["send datagrams", sendDatagrams, 3],
  ["write", write, 20],
  ["write the end", say("transport/writeEof"), 1],
  ["close", say("transport/close"), 2],
  ["abort", say("transport/abort"), 1],
  ["pause", say("transport/pauseReading"), 1],
  ["resume", say("transport/resumeReading"), 2],
  ["attach", attach, 10],
  ["detach", detach, 3],
  ["stall", (client) => client.stall(), 0.5],
  ["be slow", beSlow, 1],
  ["go on", (client) => client.goOn(), 3],
  ["ask", ask, 2],
  ["the remote says", remoteSays, 20],
  ["the remote ends", remoteEnds, 2],
  ["leave", (client) => client.leave(), 0.4],
  ["die", (client) => client.raw.destroy(), 1],
]

/** What must hold of all that the daemon lists; null when it does. */
export async function flawOfList(client: SoakClient): Promise<string | null> {
  for (const { transport, kind, lifetime, state, clientId, channels } of await listed(client)) {
    if (lifetime === "client" && state === "open" && clientId === null) return `${transport} has no client to end it`
    // Datagrams leave no log behind.
    if (kind === "udp") continue
    for (const { received, sent, consumed, retained, written, flushed } of channels) {
      const ordered = consumed <= sent && sent <= received && flushed <= written && retained.to === received
      if (!ordered)
        return `${transport} counts ${JSON.stringify({ received, sent, consumed, retained, written, flushed })}`
    }
  }
  return null
}

/** Ends all that is there, whoever has it; true once there is nothing. */
export async function sweep(client: SoakClient): Promise<boolean> {
  const [transports, listening] = [await listed(client), await servers(client)]
  for (const { server } of listening) {
    await client.ask("server/attach", { server, steal: true })
    await client.ask("server/close", { server })
  }
  for (const { transport, state } of transports) {
    if (state === "ended") continue
    // Nobody follows what it says any more.
    client.detached.add(transport)
    await client.ask("transport/attach", { transport, steal: true, since: "now" })
    await client.ask("transport/abort", { transport })
  }
  return transports.length === 0 && listening.length === 0
}
