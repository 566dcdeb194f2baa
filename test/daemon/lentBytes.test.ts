/**
 * What comes over a real socket lies in memory that is read into again: nothing that waits may wait there.
 * Each test has its bytes on the way while more come: behind a request, behind a remote that does not read, in a queue.
 */
import { once } from "node:events"
import { createSocket } from "node:dgram"
import type { AddressInfo, Socket } from "node:net"
import { connect } from "transportd/client"
import { expect, test } from "vitest"
import { encode } from "../support/encode.ts"
import { echo, listenPeer, Recorder } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

interface Opened {
  readonly transport: number
}

const write = (transport: number, data: Buffer): Buffer =>
  encode(
    { jsonrpc: "2.0", method: "transport/write", params: { transport, data } },
    { framing: "header", byteMessages: true },
  )

test.each([100, 20_000])("writes of %i bytes behind a request wait with bytes of their own", async (size) => {
  const { connect: join } = await harness.startDaemon({ socket: true })
  const client = await join({ flowControl: true })
  const peer = await listenPeer(harness)
  const { transport } = await client.request<Opened>("loop/createConnection", { host: peer.host, port: peer.port })
  const remote = new Recorder(await peer.accepted())
  const pieces = Array.from({ length: 30 }, (_, index) => pattern(size, index + 1))
  for (const [index, piece] of pieces.entries()) {
    const asked = { jsonrpc: "2.0", id: `list-${index}`, method: "transport/list", params: {} }
    const looked = {
      ...asked,
      id: `look-up-${index}`,
      method: "loop/getaddrinfo",
      params: { host: "127.0.0.1", port: 1 },
    }
    client.sendBytes(Buffer.concat([encode(looked), encode(asked), write(transport, piece)]))
  }
  await remote.until(size * pieces.length)
  expect(remote.data.equals(Buffer.concat(pieces))).toBe(true)
})

test("many transports whose remotes read now and then get their own bytes, and give them back", async () => {
  const { daemon } = await harness.startDaemon({ socket: true })
  const client = await connect({ socket: daemon.socketPath as string })
  const random = harness.random
  const lazily = (socket: Socket): void => {
    echo(socket)
    socket.on("data", () => {
      if (random() < 0.7) return
      socket.pause()
      setTimeout(() => socket.resume(), 1)
    })
  }
  const peer = await listenPeer(harness, lazily)
  const talk = async (index: number): Promise<boolean> => {
    const sent = Array.from({ length: 40 }, (_, n) => pattern(Math.ceil(random() ** 4 * 90_000), 1000 * index + n + 1))
    const all = Buffer.concat(sent)
    const came: Buffer[] = []
    let bytes = 0
    const isBack = new Promise<void>((resolve, reject) => {
      const protocol = {
        dataReceived: (data: Buffer) => {
          came.push(data)
          if ((bytes += data.length) >= all.length) resolve()
        },
        connectionLost: (error: Error | null) => reject(error ?? new Error("lost")),
      }
      const made = client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
      made.then(([transport]) => {
        for (const piece of sent) {
          transport.write(piece)
          piece.fill(0)
        }
      }, reject)
    })
    await isBack
    // Looked at when all have come: what was given to a protocol is the protocol's.
    return Buffer.concat(came).equals(all)
  }
  const same = await Promise.all(Array.from({ length: 20 }, (_, index) => talk(index)))
  expect(same).toEqual(same.map(() => true))
  await client.close()
})

test("a process, a datagram and a second write in JSON get what was said for them", async () => {
  const { connect: join } = await harness.startDaemon({ socket: true })
  const client = await join({ flowControl: true })
  const socket = createSocket("udp4")
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  harness.cleanup(() => socket.close())
  const { port } = socket.address() as AddressInfo
  const remoteAddr = { host: "127.0.0.1", port }
  const endpoint = await client.request<Opened>("loop/createDatagramEndpoint", { remoteAddr })
  const child = await client.request<Opened & { pipes: Record<string, number> }>("loop/subprocessExec", cat)
  const [toChild, toSocket] = [pattern(60_000, 1), pattern(1_000, 2)]
  const gotten = once(socket, "message")
  client.sendBytes(
    Buffer.concat([
      write(child.pipes["0"] as number, toChild),
      encode({
        jsonrpc: "2.0",
        method: "transport/sendto",
        params: { transport: endpoint.transport, data: toSocket.toString("base64") },
      }),
      encode({
        jsonrpc: "2.0",
        method: "transport/write",
        params: { transport: child.pipes["0"], data: toChild.toString("base64") },
      }),
    ]),
  )
  expect((await gotten)[0]).toEqual(toSocket)
  const output = (): Buffer => client.data(child.transport, 1)
  await client.until(() => output().length >= 2 * toChild.length)
  expect(output().equals(Buffer.concat([toChild, toChild]))).toBe(true)
})
