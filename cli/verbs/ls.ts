/** `transportd ls`: what the running daemon holds, for whom. */
import type { Client } from "transportd/client"
import { describeAddress } from "../address.ts"
import { exitCode } from "../exitCodes.ts"
import { joinRunning } from "../join.ts"
import { count, hasColour, json, say, table } from "../print.ts"
import { option, socketOption, type Verb } from "../verb.ts"

interface Options {
  readonly socket?: string
  readonly json?: boolean
}

/** One line of the list; the same fields with `--json`. */
interface Row {
  readonly id: number
  readonly kind: string
  readonly name: string | null
  readonly state: string
  readonly where: string
  readonly bytesIn: number
  readonly bytesOut: number
  /** The client that owns it, if any does. */
  readonly owner: number | null
}

type Transports = Awaited<ReturnType<typeof listTransports>>
type Servers = Awaited<ReturnType<typeof listServers>>

export const ls: Verb<Options> = {
  options: [socketOption, option("--json", "print an array of objects: id, kind, name, state, where, bytesIn, …")],
  example: "transportd ls",
  async run(_operands, { json: asJson, ...where }) {
    const client = await joinRunning(where)
    const [transports, servers] = await Promise.all([listTransports(client), listServers(client)])
    await client.close()
    const rows = [...transports.map(transportRow), ...servers.map(serverRow)].sort((a, b) => a.id - b.id)
    say(asJson === true ? json(rows) : forPeople(rows))
    return exitCode("ok")
  },
}

async function listTransports(client: Client) {
  return (await client.request("transport/list", {})).transports
}

async function listServers(client: Client) {
  return (await client.request("server/list", {})).servers
}

function transportRow({ transport, kind, name, clientId, state, extra, pid, channels }: Transports[number]): Row {
  const sum = (key: "received" | "flushed"): number => channels.reduce((total, channel) => total + channel[key], 0)
  return {
    id: transport,
    kind,
    name: name ?? null,
    state,
    where:
      pid === undefined
        ? [extra.sockname, extra.peername].filter(Boolean).map(describeAddress).join(" - ")
        : `process ${pid}`,
    bytesIn: sum("received"),
    bytesOut: sum("flushed"),
    owner: clientId,
  }
}

function serverRow({ server, name, clientId, sockets, serving }: Servers[number]): Row {
  return {
    id: server,
    kind: "server",
    name: name ?? null,
    state: serving ? "listening" : "closed",
    where: sockets.map(describeAddress).join(", "),
    bytesIn: 0,
    bytesOut: 0,
    owner: clientId,
  }
}

function forPeople(rows: readonly Row[]): string {
  const cells = rows.map(({ id, kind, name, state, where, bytesIn, bytesOut, owner }) => [
    String(id),
    kind,
    name ?? "-",
    state,
    where,
    count(bytesIn),
    count(bytesOut),
    owner === null ? "-" : String(owner),
  ])
  return table(["ID", "KIND", "NAME", "STATE", "WHERE", "IN", "OUT", "OWNER"], cells, hasColour(process.stdout))
}
