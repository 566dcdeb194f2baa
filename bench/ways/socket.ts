/** Ways that are plain sockets: straight to the remote, and through the bare relay. */
import { once } from "node:events"
import { mkdtempSync } from "node:fs"
import { connect, type NetConnectOpts, type OnReadOpts } from "node:net"
import { join } from "node:path"
import type { Ground } from "../field.ts"
import { startRole } from "../processes.ts"
import { READ_BYTES, type Events, type Line, type Way } from "./way.ts"

export async function direct({ ports }: Ground): Promise<Way> {
  return {
    pids: [],
    open: (target, events) => open({ host: "127.0.0.1", port: ports[target], noDelay: true }, events),
    end: async () => {},
  }
}

export const relayed = (ground: Ground): Promise<Way> => relay(ground)

/** The same for a client that reads into a buffer of its own. */
export const relayedIntoBuffer = (ground: Ground): Promise<Way> => relay(ground, { intoBuffer: true })

async function relay({ folder: parent, ports }: Ground, reading: Reading = {}): Promise<Way> {
  const folder = mkdtempSync(join(parent, "relay-"))
  const relay = await startRole("relay", folder, ...Object.entries(ports).map(([name, port]) => `${name}=${port}`))
  return {
    pids: [relay.pid],
    open: (target, events) => open({ path: join(folder, `${target}.sock`) }, events, reading),
    end: () => relay.stop(),
  }
}

interface Reading {
  readonly intoBuffer?: boolean
}

async function open(where: NetConnectOpts, events: Events, { intoBuffer = false }: Reading = {}): Promise<Line> {
  const socket = connect({ ...where, ...(intoBuffer && { onread: intoBufferOf(events) }) })
  if (!intoBuffer) socket.on("data", (chunk: Buffer) => events.data(chunk))
  socket.on("drain", () => events.drain())
  await once(socket, "connect")
  socket.on("error", () => socket.destroy())
  return { write: (data) => socket.write(data), close: () => socket.destroy() }
}

function intoBufferOf(events: Events): OnReadOpts {
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    events.data(buffer.subarray(0, bytes))
    return true
  }
  return { buffer: new Uint8Array(READ_BYTES), callback }
}
