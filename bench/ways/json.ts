/** Ways through the daemon as a plain JSON client: base64, no capability announced, and the daemon's own water marks. */
import { once } from "node:events"
import { connect } from "node:net"
import { readsInto } from "transportd/client"
import { FrameReader, FrameWriter, ReadMemory } from "transportd/protocol"
import type { Message } from "vscode-jsonrpc/node"
import type { Ground } from "../field.ts"
import type { Events, Way } from "./way.ts"

interface Incoming {
  readonly id?: number
  readonly method?: string
  readonly params: { readonly transport: number; readonly data: string | Buffer }
  readonly result?: { readonly transport: number }
}

function bytesOf(data: string | Buffer): Buffer {
  return typeof data === "string" ? Buffer.from(data, "base64") : data
}

/** For a client that reads and writes with the package's framing. */
export const throughJson = (ground: Ground): Promise<Way> => jsonWay(ground, { decodesData: true })

/** For one that has `JSON.parse` make a string of everything, as a client in another language would. */
export const throughParsedJson = (ground: Ground): Promise<Way> => jsonWay(ground, { decodesData: false })

async function jsonWay({ ports, daemon }: Ground, { decodesData }: { decodesData: boolean }): Promise<Way> {
  const { socket: path, pid } = await daemon()
  const memory = decodesData ? new ReadMemory() : undefined
  const socket = connect({ path, ...(memory !== undefined && { onread: readsInto(memory) }) })
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
  new FrameReader(socket, { framing: "header", memory, decodesData, lendsBytes: true }).listen((message) => {
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
