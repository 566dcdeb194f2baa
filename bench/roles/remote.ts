/**
 * The far end of everything: three TCP servers. `echo` sends back what it gets. `sink` takes a count of eight bytes and
 * then that many bytes, and answers one byte when all are there. `source` takes a count and sends that many bytes.
 */
import { createServer, type AddressInfo, type Socket } from "node:net"
import { once } from "node:events"

const CHUNK = Buffer.alloc(65_536, "source ")

function echo(socket: Socket): void {
  socket.pipe(socket)
}

function sink(socket: Socket): void {
  withCount(socket, (count) => {
    let missing = count
    return (bytes) => {
      missing -= bytes
      if (missing === 0) socket.write("!")
    }
  })
}

function source(socket: Socket): void {
  withCount(socket, (count) => {
    let missing = count
    const send = (): void => {
      while (missing > 0) {
        const bytes = Math.min(missing, CHUNK.length)
        missing -= bytes
        if (!socket.write(CHUNK.subarray(0, bytes))) return
      }
    }
    socket.on("drain", send)
    send()
    return () => {}
  })
}

/** Reads the count; `start` gets it, and what it returns gets the number of bytes that come after. */
function withCount(socket: Socket, start: (count: number) => (bytes: number) => void): void {
  let head = Buffer.alloc(0)
  let more: ((bytes: number) => void) | null = null
  socket.on("data", (chunk: Buffer) => {
    if (more !== null) return more(chunk.length)
    head = Buffer.concat([head, chunk])
    if (head.length < 8) return
    more = start(Number(head.readBigUInt64BE()))
    if (head.length > 8) more(head.length - 8)
  })
}

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => serve(socket.on("error", () => socket.destroy())))
  server.listen(0, "127.0.0.1", 2048)
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

const ports = { echo: await listen(echo), sink: await listen(sink), source: await listen(source) }
process.stdout.write(`${JSON.stringify(ports)}\n`)
process.stdin.on("end", () => process.exit()).resume()
