/**
 * A stand-in for a daemon written with vscode-jsonrpc as it comes: its own reader, writer and queue, bytes as base64.
 * Opens TCP connections and passes bytes; no flow control, no validation. Argument: the path of its socket.
 */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node"

const [path = ""] = process.argv.slice(2)
const server = createServer((client) => {
  const connection = createMessageConnection(new StreamMessageReader(client), new StreamMessageWriter(client))
  const sockets = new Map<number, Socket>()
  let lastId = 0
  connection.onRequest("open", async ({ port }: { port: number }) => {
    const id = ++lastId
    const socket = connect({ host: "127.0.0.1", port, noDelay: true })
    sockets.set(id, socket)
    await once(socket, "connect")
    socket.on(
      "data",
      (chunk: Buffer) => void connection.sendNotification("data", { id, data: chunk.toString("base64") }),
    )
    socket.on("error", () => socket.destroy())
    return { id }
  })
  connection.onNotification("write", ({ id, data }: { id: number; data: string }) => {
    sockets.get(id)?.write(Buffer.from(data, "base64"))
  })
  connection.onNotification("close", ({ id }: { id: number }) => {
    sockets.get(id)?.destroy()
    sockets.delete(id)
  })
  connection.onRequest("echo", (params: unknown) => params)
  client.on("error", () => client.destroy())
  client.on("close", () => {
    for (const socket of sockets.values()) socket.destroy()
    connection.dispose()
  })
  connection.listen()
})
server.listen(path)
await once(server, "listening")
process.stdout.write("{}\n")
process.stdin.on("end", () => process.exit()).resume()
