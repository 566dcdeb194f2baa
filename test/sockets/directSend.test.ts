/** Datagrams past Node's socket: whole ones, and what the system says of those that could not go. */
import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"
import { afterEach, expect, it } from "vitest"
import { DirectSender } from "../../sockets/directSend.ts"

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4")
  open.push(socket)
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  return socket
}

async function connected(port: number): Promise<Socket> {
  const socket = createSocket("udp4")
  socket.connect(port, "127.0.0.1")
  await once(socket, "connect")
  return socket
}

it("sends each as a datagram of its own, and leaves an empty one to the socket", async () => {
  const remote = await bound()
  const near = await connected(remote.address().port)
  open.push(near)
  const received: string[] = []
  remote.on("message", (data) => received.push(data.toString()))
  const sender = new DirectSender(near)
  expect([sender.send(Buffer.from("one")), sender.send(Buffer.from("two"))]).toEqual([true, true])
  expect(sender.send(Buffer.alloc(0))).toBe(false)
  while (received.length < 2) await once(remote, "message")
  expect(received).toEqual(["one", "two"])
})

it("throws what the system says, and leaves a socket that is closed alone", async () => {
  const near = await connected(1)
  near.on("error", () => {})
  const sender = new DirectSender(near)
  expect(() => sender.send(Buffer.alloc(70_000))).toThrow(
    expect.objectContaining({ code: "EMSGSIZE", syscall: "send", message: "send EMSGSIZE" }),
  )
  near.close()
  expect(sender.send(Buffer.from("late"))).toBe(false)
})
