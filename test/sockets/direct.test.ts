/** Writes past a stream, into real sockets: nothing is lost or doubled, and what is not plain is left to its stream. */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mkdtempSync, rmSync } from "node:fs"
import { PassThrough } from "node:stream"
import { TLSSocket } from "node:tls"
import { afterEach, expect, it } from "vitest"
import { DirectWriter } from "../../sockets/direct.ts"
import { pattern } from "../support/random.ts"

const undo: Array<() => void> = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
})

async function listening(where: "a Unix socket" | "TCP"): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "direct-"))
  const server = createServer({ pauseOnConnect: true })
  undo.push(
    () => rmSync(folder, { recursive: true }),
    () => server.close(),
  )
  server.listen(where === "TCP" ? { host: "127.0.0.1", port: 0 } : { path: join(folder, "socket") })
  await once(server, "listening")
  return server
}

function dial(server: Server): Socket {
  const address = server.address()
  const socket = typeof address === "string" ? connect(address) : connect(address!.port, "127.0.0.1")
  undo.push(() => socket.destroy())
  return socket
}

/** Both ends of a connection; the second does not read yet. */
async function pair(where: "a Unix socket" | "TCP"): Promise<[Socket, Socket]> {
  const server = await listening(where)
  const near = dial(server)
  const [far] = (await once(server, "connection")) as [Socket]
  undo.push(() => far.destroy())
  if (near.connecting) await once(near, "connect")
  return [near, far]
}

it.each(["a Unix socket", "TCP"] as const)("%s takes what it has room for, and its stream the rest", async (where) => {
  const [near, far] = await pair(where)
  const writer = new DirectWriter(near)
  const all = pattern(8_000_000, 1)
  let sent = 0
  for (let bytes = -1; bytes !== 0; sent += bytes) {
    bytes = writer.write(all.subarray(sent, sent + 100), all.subarray(sent + 100, sent + 100_000))
  }
  expect(sent).toBeGreaterThan(0)
  expect(sent).toBeLessThan(all.length)
  near.end(all.subarray(sent))
  expect(writer.write(Buffer.from("behind the stream's own"))).toBe(0)
  const received = Buffer.concat(await far.toArray())
  expect(received.equals(all)).toBe(true)
})

it("leaves to the stream what a socket cannot take yet, or not any more", async () => {
  const server = await listening("TCP")
  const near = dial(server)
  const writer = new DirectWriter(near)
  expect(near.connecting).toBe(true)
  expect(writer.write(Buffer.from("early"))).toBe(0)
  await once(near, "connect")
  near.cork()
  near.write("c")
  expect(writer.write(Buffer.from("before the corked"))).toBe(0)
  near.uncork()
  near.destroy()
  expect(writer.write(Buffer.from("late"))).toBe(0)
})

it("writes nothing past what changes the bytes on their way", async () => {
  const [near] = await pair("TCP")
  const sealed = new TLSSocket(near)
  undo.push(() => sealed.destroy())
  expect(new DirectWriter(sealed).write(Buffer.from("plain text"))).toBe(0)
  expect(new DirectWriter(new PassThrough()).write(Buffer.from("no socket"))).toBe(0)
})

it("says 0 of a connection that broke, which its stream will find out", async () => {
  const [near, far] = await pair("a Unix socket")
  near.on("error", () => {})
  far.destroy()
  await once(far, "close")
  expect(new DirectWriter(near).write(Buffer.from("to nobody"))).toBe(0)
})
