/** Through a tunnel: the daemon opens the connection, and a connection to it becomes its bytes. */
import { connect, tunnel } from "transportd/client"
import type { Ground } from "../field.ts"
import type { Way } from "./way.ts"

export async function tunnelled({ ports, daemon }: Ground): Promise<Way> {
  const { pid, socket } = await daemon()
  const client = await connect({ socket })
  return {
    pids: [pid],
    open: async (target, events) => {
      const [{ id }] = await client.loop.createConnection(() => ({}), { host: "127.0.0.1", port: ports[target] })
      const [line] = await tunnel({ socket, transport: id, steal: true })
      line.on("data", (chunk: Buffer) => events.data(chunk))
      line.on("drain", () => events.drain())
      line.on("error", () => line.destroy())
      line.resume()
      return { write: (data) => line.write(data), close: () => line.destroy() }
    },
    end: () => client.close(),
  }
}
