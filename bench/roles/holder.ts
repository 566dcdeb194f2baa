/** A process that holds bare sockets: for each line with a number it connects as many, and answers with a line. */
import { once } from "node:events"
import { connect } from "node:net"
import { createInterface } from "node:readline"

const [port = ""] = process.argv.slice(2)
const sockets: unknown[] = []
process.stdout.write("{}\n")
for await (const line of createInterface(process.stdin)) {
  for (let count = Number(line); count > 0; count--) {
    const socket = connect({ host: "127.0.0.1", port: Number(port), noDelay: true })
    socket.on("data", () => {}).on("error", () => {})
    await once(socket, "connect")
    sockets.push(socket)
  }
  process.stdout.write(`${sockets.length}\n`)
}
process.exit()
