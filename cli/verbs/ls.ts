/** `transportd ls`: what the running daemon holds, for whom. */
import type { Client } from "transportd/client"
import { describeAddress } from "../address.ts"
import { exitCode, exitCodeOf } from "../exitCodes.ts"
import { joinRunning } from "../join.ts"
import { count, hasColour, json, say, table } from "../print.ts"
import { option, socketOption, type Verb } from "../verb.ts"

interface Options {
  readonly socket?: string
  readonly json?: boolean
  readonly long?: boolean
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
  readonly lifetime: string
  /** How much of what came is still in memory. */
  readonly retainedBytes: number
  /** All clients that hear of it. */
  readonly attachments: ReadonlyArray<{ readonly clientId: number; readonly role: string }>
}

type Transports = Awaited<ReturnType<typeof listTransports>>
type Servers = Awaited<ReturnType<typeof listServers>>

export const ls: Verb<Options> = {
  options: [
    socketOption,
    option("-l, --long", "with lifetime, the clients attached, and how many bytes are kept"),
    option("--json", "print an array of objects: id, kind, name, state, where, bytesIn, …"),
  ],
  example: "transportd ls",
  async run(_operands, { json: asJson, long = false, ...where }) {
    const client = await joinRunning(where)
    const [transports, servers] = await Promise.all([listTransports(client), listServers(client)])
    await client.close()
    const rows = [...transports.map(transportRow), ...servers.map(serverRow)].sort((a, b) => a.id - b.id)
    say(asJson === true ? json(rows) : forPeople(rows, long))
    return exitCode("ok")
  },
}

async function listTransports(client: Client) {
  return (await client.request("transport/list", {})).transports
}

async function listServers(client: Client) {
  return (await client.request("server/list", {})).servers
}

function transportRow(described: Transports[number]): Row {
  const { transport, kind, name, clientId, state, extra, pid, returncode, lifetime, attachments, channels } = described
  const sum = (key: "received" | "flushed" | "moved"): number =>
    channels.reduce((total, channel) => total + channel[key], 0)
  const ending = typeof returncode === "number" ? `, status ${exitCodeOf(returncode)}` : ""
  return {
    id: transport,
    kind,
    name: name ?? null,
    state,
    where:
      pid === undefined
        ? [extra.sockname, extra.peername].filter(Boolean).map(describeAddress).join(" - ")
        : `process ${pid}${ending}`,
    bytesIn: sum("received"),
    bytesOut: sum("flushed") + sum("moved"),
    owner: clientId,
    lifetime,
    retainedBytes: channels.reduce((total, { retained }) => total + retained.to - retained.from, 0),
    attachments,
  }
}

function serverRow({ server, name, clientId, lifetime, sockets, serving }: Servers[number]): Row {
  return {
    id: server,
    kind: "server",
    name: name ?? null,
    state: serving ? "listening" : "closed",
    where: sockets.map(describeAddress).join(", "),
    bytesIn: 0,
    bytesOut: 0,
    owner: clientId,
    lifetime,
    retainedBytes: 0,
    attachments: clientId === null ? [] : [{ clientId, role: "owner" }],
  }
}

const HEADING = ["ID", "KIND", "NAME", "STATE", "WHERE", "IN", "OUT", "OWNER"]
const LONG_HEADING = [...HEADING, "LIFETIME", "KEPT", "OBSERVERS"]

function forPeople(rows: readonly Row[], long: boolean): string {
  const cells = rows.map((row) => (long ? [...shortCells(row), ...longCells(row)] : shortCells(row)))
  return table(long ? LONG_HEADING : HEADING, cells, hasColour(process.stdout))
}

function shortCells({ id, kind, name, state, where, bytesIn, bytesOut, owner }: Row): string[] {
  const numbers = [count(bytesIn), count(bytesOut), owner === null ? "-" : String(owner)]
  return [String(id), kind, name ?? "-", state, where, ...numbers]
}

function longCells({ lifetime, retainedBytes, attachments }: Row): string[] {
  const observers = attachments.filter(({ role }) => role === "observer").map(({ clientId }) => clientId)
  return [lifetime, count(retainedBytes), observers.join(" ") || "-"]
}
