/** The way through a daemon made of vscode-jsonrpc as it comes, at both ends. */
import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from "vscode-jsonrpc/node"
import type { Ground } from "../field.ts"
import { startRole } from "../processes.ts"
import type { Events, Way } from "./way.ts"

export interface StockWay extends Way {
  readonly connection: MessageConnection
}

export async function throughStock({ folder, ports }: Ground): Promise<StockWay> {
  const path = join(folder, "stock.sock")
  const role = await startRole("stockDaemon", path)
  const socket = connect({ path })
  await once(socket, "connect")
  const connection = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket))
  const lines = new Map<number, Events>()
  connection.onNotification("data", ({ id, data }: { id: number; data: string }) =>
    lines.get(id)?.data(Buffer.from(data, "base64")),
  )
  connection.listen()
  return {
    connection,
    pids: [role.pid],
    open: async (target, events) => {
      const { id } = await connection.sendRequest<{ id: number }>("open", { port: ports[target] })
      lines.set(id, events)
      return {
        write: (data) => {
          const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")
          void connection.sendNotification("write", { id, data: base64 })
          return true
        },
        close: () => void connection.sendNotification("close", { id }),
      }
    },
    end: async () => {
      // Its queue leaves one message per turn, and a socket that is gone before its turn ends this process.
      await connection.sendRequest("echo", {})
      connection.dispose()
      socket.destroy()
      await role.stop()
    },
  }
}
