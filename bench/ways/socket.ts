/** Ways that are plain sockets: straight to the remote, and through the bare relay. */
import { once } from "node:events"
import { connect, type NetConnectOpts } from "node:net"
import { join } from "node:path"
import type { Ground } from "../field.ts"
import { startRole } from "../processes.ts"
import type { Events, Line, Way } from "./way.ts"

export async function direct({ ports }: Ground): Promise<Way> {
  return {
    pids: [],
    open: (target, events) => open({ host: "127.0.0.1", port: ports[target], noDelay: true }, events),
    end: async () => {},
  }
}

export async function relayed({ folder, ports }: Ground): Promise<Way> {
  const relay = await startRole("relay", folder, ...Object.entries(ports).map(([name, port]) => `${name}=${port}`))
  return {
    pids: [relay.pid],
    open: (target, events) => open({ path: join(folder, `${target}.sock`) }, events),
    end: () => relay.stop(),
  }
}

async function open(where: NetConnectOpts, events: Events): Promise<Line> {
  const socket = connect(where)
  socket.on("data", (chunk: Buffer) => events.data(chunk))
  socket.on("drain", () => events.drain())
  await once(socket, "connect")
  socket.on("error", () => socket.destroy())
  return { write: (data) => socket.write(data), close: () => socket.destroy() }
}
