/** One picture of `top` as lines of text that fit a width and a height. Pure. */
import { count, duration, printable } from "../print.ts"
import { columnsOf, type Column } from "./columns.ts"
import { HISTORY_SAMPLES, type Sample, type TransportSample } from "./sample.ts"
import { sparkline } from "./sparkline.ts"

export interface FrameOptions {
  readonly columns: number
  /** How many lines there may be; without it, as many as it takes. */
  readonly rows?: number
  readonly colour: boolean
  readonly socket: string
  readonly pid: number
  /** The client that asks: it is not shown. */
  readonly clientId: number
  /** The last line, if there is one. */
  readonly hint?: string
  history(transport: number): readonly number[]
}

/** How wide the picture of what a transport did is at least, before names give way. */
const LEAST_PICTURE = 10

type ClientSample = Sample["clients"][number]

export function frame(sample: Sample, options: FrameOptions): string[] {
  const { columns, rows = Number.POSITIVE_INFINITY, hint } = options
  const clients = sample.clients.filter(({ clientId }) => clientId !== options.clientId)
  const head = header(sample, options, clients.length)
  // A blank line and a heading for each of the tables, and the hint.
  const room = Math.max(0, rows - head.length - 4 - (hint === undefined ? 0 : 1))
  const clientRoom = Math.min(clients.length, Math.max(Math.floor(room / 3), room - sample.transports.length, 1))
  const lines = [
    ...head,
    "",
    ...transportTable(sample.transports, room - clientRoom, options),
    "",
    ...clientTable(clients, clientRoom, options),
  ].slice(0, hint === undefined ? rows : rows - 1)
  if (hint !== undefined) {
    if (Number.isFinite(rows)) while (lines.length < rows - 1) lines.push("")
    lines.push(dim(hint.slice(0, columns), options.colour))
  }
  return lines
}

function header(sample: Sample, { columns, colour, socket, pid }: FrameOptions, clients: number): string[] {
  const { uptimeMs, memory, eventLoopDelayMs: delay, totals, transports } = sample
  const ms = (value: number): string => (value < 9.95 ? value.toFixed(1) : value.toFixed(0))
  const title = `transportd ${pid}, up ${duration(uptimeMs)}`
  const where = printable(socket)
  const gap = columns - title.length - where.length
  const lines = [
    gap >= 2 ? title + " ".repeat(gap) + where : title,
    `memory ${count(memory.residentBytes)}, heap ${count(memory.heapBytes)}, buffers ${count(memory.buffersBytes)}   ` +
      `loop delay p50 ${ms(delay.p50)}, p99 ${ms(delay.p99)}, max ${ms(delay.max)} ms`,
    `clients ${clients}, ever ${count(totals.clients)}   transports ${transports.length}, ever ${count(totals.transports)}   ` +
      `bytes in ${count(totals.receivedBytes)}, out ${count(totals.writtenBytes)}`,
  ].map((line) => line.slice(0, columns))
  return colour ? [`\x1b[1m${lines[0]}\x1b[0m`, ...lines.slice(1)] : lines
}

const rate = (value: number | null): string => (value === null ? "-" : count(value))
const orNobody = (id: number | null): string => (id === null ? "-" : String(id))

const TRANSPORT_COLUMNS: ReadonlyArray<Column<TransportSample>> = [
  { title: "ID", right: true, cell: ({ transport }) => String(transport) },
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "NAME", cell: ({ name }) => name ?? "-", shrinks: true },
  { title: "STATE", cell: ({ state }) => state },
  { title: "OWNER", right: true, cell: ({ clientId }) => orNobody(clientId) },
  { title: "IN/S", right: true, least: 5, cell: ({ inBytesPerSecond }) => rate(inBytesPerSecond) },
  { title: "OUT/S", right: true, least: 5, cell: ({ outBytesPerSecond }) => rate(outBytesPerSecond) },
  { title: "UNREAD", right: true, cell: ({ unreadBytes }) => count(unreadBytes) },
  { title: "UNFLUSHED", right: true, cell: ({ unflushedBytes }) => count(unflushedBytes) },
]

const CLIENT_COLUMNS: ReadonlyArray<Column<ClientSample>> = [
  { title: "CLIENT", right: true, cell: ({ clientId }) => String(clientId) },
  {
    title: "NAME",
    cell: ({ name, version }) => (version === undefined ? (name ?? "-") : `${name} ${version}`),
    shrinks: true,
  },
  { title: "PROCESS", right: true, cell: ({ processId }) => (processId === undefined ? "-" : String(processId)) },
  { title: "CONNECTED", right: true, cell: ({ connectedMs }) => duration(connectedMs) },
  { title: "TRANSPORTS", right: true, cell: ({ transports }) => String(transports) },
  { title: "PENDING", right: true, cell: ({ pendingBytes }) => count(pendingBytes) },
  { title: "UNFLUSHED", right: true, cell: ({ unflushedBytes }) => count(unflushedBytes) },
]

function transportTable(all: readonly TransportSample[], room: number, options: FrameOptions): string[] {
  const { columns, colour, history } = options
  const { shown, more } = busiest(all, room, (transport) => sum(history(transport.transport)))
  const { heading, lines } = columnsOf(TRANSPORT_COLUMNS, shown, columns - 2 - LEAST_PICTURE)
  const width = Math.min(HISTORY_SAMPLES, columns - heading.length - 2)
  const picture = ({ transport }: TransportSample): string => (width < 1 ? "" : sparkline(history(transport), width))
  return [
    bold(heading.slice(0, columns), colour),
    ...shown.map((transport, index) => {
      const graph = picture(transport)
      const line =
        `${lines[index]!.slice(0, columns)}  ${colour && graph !== "" ? `\x1b[36m${graph}\x1b[0m` : graph}`.trimEnd()
      return transport.state === "open" ? line : dim(line, colour)
    }),
    ...(more > 0 ? [`… and ${more} less busy`] : []),
  ]
}

function clientTable(all: readonly ClientSample[], room: number, { columns, colour }: FrameOptions): string[] {
  const { shown, more } = busiest(all, room, ({ transports, pendingBytes }) => pendingBytes + transports)
  const { heading, lines } = columnsOf(CLIENT_COLUMNS, shown, columns)
  const cut = lines.map((line) => line.slice(0, columns))
  return [bold(heading.slice(0, columns), colour), ...cut, ...(more > 0 ? [`… and ${more} with less to do`] : [])]
}

/** As many as there is room for, in their order; a line is left to say how many are not shown. */
function busiest<Row>(
  all: readonly Row[],
  room: number,
  weight: (row: Row) => number,
): { shown: readonly Row[]; more: number } {
  if (all.length <= room) return { shown: all, more: 0 }
  const kept = Math.max(0, room - 1)
  const chosen = new Set([...all].sort((a, b) => weight(b) - weight(a)).slice(0, kept))
  return { shown: all.filter((row) => chosen.has(row)), more: all.length - kept }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function bold(text: string, colour: boolean): string {
  return colour ? `\x1b[1m${text}\x1b[0m` : text
}

function dim(text: string, colour: boolean): string {
  return colour ? `\x1b[2m${text}\x1b[0m` : text
}
