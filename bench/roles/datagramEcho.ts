/** A UDP endpoint that sends back what it gets. Says its port. */
import { once } from "node:events"
import { createSocket } from "node:dgram"

const socket = createSocket("udp4", (datagram, { port, address }) => socket.send(datagram, port, address))
socket.bind(0, "127.0.0.1")
await once(socket, "listening")
process.stdout.write(`${JSON.stringify({ port: socket.address().port })}\n`)
process.stdin.on("end", () => process.exit()).resume()
