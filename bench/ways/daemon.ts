/** Ways through the daemon: with the client library, and as a plain JSON client without any capability. */
import { once } from "node:events"
import { connect as connectSocket } from "node:net"
import { connect, type BufferedProtocol, type Client, type Transport } from "transportd/client"
import { FrameReader, FrameWriter } from "transportd/protocol"
import type { Message } from "vscode-jsonrpc/node"
import type { Ground } from "../field.ts"
import { READ_BYTES, type Events, type Line, type Target, type Way } from "./way.ts"

export interface LibraryWay extends Way {
  readonly client: Client
}

/**
 * High water of a program that moves much: within the daemon's window of 1 MiB. What a kernel has taken does not count
 * against the marks of a bare socket, and over a relay that is some MB on its way; through the daemon all counts that its
 * own kernel has not taken. With asyncio's 64 KiB a writer stands still after two pieces of that size until both are out.
 */
const BULK_HIGH_BYTES = 900_000

/** Byte messages and flow control: what the client library does, for a program that moves much. */
export const throughLibrary = (ground: Ground): Promise<LibraryWay> =>
  libraryWay(ground, { highBytes: BULK_HIGH_BYTES })

/** The same for one that also reads into a buffer of its own. */
export const throughLibraryIntoBuffer = (ground: Ground): Promise<LibraryWay> =>
  libraryWay(ground, { highBytes: BULK_HIGH_BYTES, intoBuffer: true })

/** The same for a program that leaves asyncio's water marks as they are. */
export const throughLibraryAsItComes = (ground: Ground): Promise<LibraryWay> => libraryWay(ground)

async function libraryWay(
  { ports, daemon }: Ground,
  { highBytes, intoBuffer = false }: { highBytes?: number; intoBuffer?: boolean } = {},
): Promise<LibraryWay> {
  const { socket, pid } = await daemon()
  const client = await connect({ socket })
  const open = async (target: Target, events: Events): Promise<Line> => {
    let paused = false
    const pauseWriting = (): void => void (paused = true)
    const resumeWriting = (): void => {
      paused = false
      events.drain()
    }
    const protocol = intoBuffer
      ? { ...intoBufferOf(events), pauseWriting, resumeWriting }
      : { dataReceived: (data: Buffer) => events.data(data), pauseWriting, resumeWriting }
    const where = { host: "127.0.0.1", port: ports[target] }
    const [transport] = await client.loop.createConnection(() => protocol, where)
    if (highBytes !== undefined) transport.setWriteBufferLimits({ highBytes })
    return lineOf(transport, () => !paused)
  }
  return { client, pids: [pid], open, end: () => client.close() }
}

function intoBufferOf(events: Events): BufferedProtocol {
  const buffer = Buffer.alloc(READ_BYTES)
  return { getBuffer: () => buffer, bufferUpdated: (bytes) => events.data(buffer.subarray(0, bytes)) }
}

function lineOf(transport: Transport, mayWrite: () => boolean): Line {
  return {
    write: (data) => {
      transport.write(data)
      return mayWrite()
    },
    close: () => transport.abort(),
  }
}

interface Incoming {
  readonly id?: number
  readonly method?: string
  readonly params: { readonly transport: number; readonly data: string | Buffer }
  readonly result?: { readonly transport: number }
}

function bytesOf(data: string | Buffer): Buffer {
  return typeof data === "string" ? Buffer.from(data, "base64") : data
}

/** JSON and base64, and the daemon's own water marks, for a client that reads and writes with the package's framing. */
export const throughJson = (ground: Ground): Promise<Way> => jsonWay(ground, { decodesData: true })

/** The same for one that has `JSON.parse` make a string of everything, as a client in another language would. */
export const throughParsedJson = (ground: Ground): Promise<Way> => jsonWay(ground, { decodesData: false })

async function jsonWay({ ports, daemon }: Ground, { decodesData }: { decodesData: boolean }): Promise<Way> {
  const { socket: path, pid } = await daemon()
  const socket = connectSocket({ path })
  await once(socket, "connect")
  const writer = new FrameWriter(socket, { framing: "header" })
  const answers = new Map<number, (result: { transport: number }) => void>()
  const lines = new Map<number, Events & { paused: boolean }>()
  let lastId = 0
  const send = (message: object): void => void writer.write({ jsonrpc: "2.0", ...message } as Message)
  const request = (method: string, params: object): Promise<{ transport: number }> =>
    new Promise((resolve) => {
      answers.set(++lastId, resolve)
      send({ id: lastId, method, params })
    })
  new FrameReader(socket, { framing: "header", decodesData }).listen((message) => {
    const { id, method, params, result } = message as unknown as Incoming
    if (method === undefined) return answers.get(id ?? 0)?.(result as { transport: number })
    const line = lines.get(params.transport)
    if (line === undefined) return
    if (method === "protocol/dataReceived") line.data(bytesOf(params.data))
    else if (method === "protocol/pauseWriting") line.paused = true
    else if (method === "protocol/resumeWriting") {
      line.paused = false
      line.drain()
    }
  })
  await request("initialize", { protocolVersion: 1 })
  send({ method: "initialized", params: {} })
  return {
    pids: [pid],
    open: async (target, events) => {
      const { transport } = await request("loop/createConnection", { host: "127.0.0.1", port: ports[target] })
      const line = { ...events, paused: false }
      lines.set(transport, line)
      return {
        write: (data) => {
          send({ method: "transport/write", params: { transport, data } })
          return !line.paused
        },
        close: () => {
          lines.delete(transport)
          send({ method: "transport/abort", params: { transport } })
        },
      }
    },
    end: async () => void socket.destroy(),
  }
}
