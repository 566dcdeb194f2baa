/** Ways that are plain sockets: straight to the remote, and through the bare relay. */
import { once } from "node:events"
import { connect, type NetConnectOpts } from "node:net"
import { join } from "node:path"
import type { Events, Line, Ports, Target, Way } from "./way.ts"

export function direct(ports: Ports): Way {
  return {
    open: (target, events) => open({ host: "127.0.0.1", port: ports[target], noDelay: true }, events),
    end: async () => {},
  }
}

/** @param folder where the relay's sockets are, one for each target. */
export function relayed(folder: string): Way {
  return {
    open: (target: Target, events) => open({ path: join(folder, `${target}.sock`) }, events),
    end: async () => {},
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
