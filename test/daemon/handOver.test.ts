/** Descriptors that clients hand over: whose they are, how long they are waited for, and what becomes of the others. */
import { EventEmitter, once } from "node:events"
import { statSync } from "node:fs"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { MAX_HANDED_DESCRIPTORS } from "../../protocol/limits.ts"
import { receiveDescriptors, type ParentChannel } from "../../daemon/listeners/channel.ts"
import { canReceiveRights } from "../../daemon/native/rights.ts"
import { ClientDescriptors } from "../../daemon/open/clientDescriptors.ts"
import { Descriptors } from "../../daemon/open/descriptors.ts"
import { TestClock } from "../support/clock.ts"
import { canCopy, copyOf, hasPython, sendStdin } from "../support/descriptors.ts"
import { folder } from "../support/pipes.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const { startDaemon } = harness

/** What a request is answered that named a descriptor in vain. */
const absent = {
  code: -32602,
  message: expect.stringContaining("no descriptor named x was handed over within 5000 ms"),
}

/** What the channel gives: a handle that owns a descriptor. Also tells when it is closed, by the other end. */
async function handle(): Promise<[Handle, Promise<unknown>]> {
  const path = join(await folder(harness), "socket")
  const server = createServer({ pauseOnConnect: true }).listen(path)
  const accepted = once(server, "connection")
  const far = connect({ path, allowHalfOpen: true })
  const [near] = (await accepted) as [Socket & { _handle: Handle }]
  server.close()
  harness.cleanup(() => far.destroy())
  return [near._handle, once(far.resume(), "end")]
}

interface Handle {
  readonly fd: number
  close(): void
}

describe("a descriptor that is named before it comes", () => {
  it("is waited for, not longer than said, and not beyond a cancellation", async () => {
    const clock = new TestClock()
    const { connect: join } = await startDaemon({ clock })
    const client = await join()
    const timed = client.ask("loop/createConnection", { fd: "x" })
    const cancelled = client.ask("loop/createConnection", { fd: "x" }, "to be cancelled")
    await expect.poll(() => clock.waiting).toBe(2)
    client.notify("$/cancelRequest", { id: "to be cancelled" })
    expect((await cancelled).error?.code).toBe(-32800)
    clock.advance(4_999)
    await client.barrier()
    expect(client.answers.some(({ error }) => error?.code === -32602)).toBe(false)
    clock.advance(1)
    expect((await timed).error).toMatchObject(absent)
  })

  it("goes to who asked first, and is waited for no longer than its client is there", async () => {
    const { daemon } = await startDaemon()
    const descriptors = new ClientDescriptors(new Descriptors(), daemon.clock)
    const signal = new AbortController().signal
    const first = descriptors.take("x", ["socket"], signal)
    const second = descriptors.take("x", ["socket"], signal)
    const [one, closed] = await handle()
    descriptors.add("x", { fd: one.fd, handle: one })
    const taken = await first
    expect(taken).toMatchObject({ ref: "x", kind: "socket", fd: one.fd })
    descriptors.end()
    await expect(second).rejects.toMatchObject({ name: "InvalidParams" })
    taken.close()
    await closed
  })
})

describe("what a client has handed over and nobody took", () => {
  it("is bounded, has a name that no other has, and is closed with the client", async () => {
    const { daemon } = await startDaemon()
    const descriptors = new ClientDescriptors(new Descriptors(), daemon.clock)
    const closed: string[] = []
    const source = (name: string): { fd: number; handle: Handle } => ({
      fd: 0,
      handle: { fd: 0, close: () => void closed.push(name) },
    })
    descriptors.add("first", source("first"))
    expect(() => descriptors.add("first", source("again"))).toThrow(expect.objectContaining({ name: "NameTaken" }))
    expect(closed).toEqual(["again"])
    for (let count = 1; count < MAX_HANDED_DESCRIPTORS; count++) descriptors.add(`${count}`, source("filler"))
    const many = expect.objectContaining({ name: "LimitExceeded", data: expect.objectContaining({ used: 256 }) })
    expect(() => descriptors.add("one more", source("one more"))).toThrow(many)
    descriptors.end()
    expect(closed).toHaveLength(2 + MAX_HANDED_DESCRIPTORS)
    expect(() => descriptors.add("late", source("late"))).toThrow(expect.objectContaining({ name: "ShuttingDown" }))
    expect(closed.at(-1)).toBe("late")
  })
})

describe("the channel", () => {
  class FakeChannel extends EventEmitter implements ParentChannel {
    readonly channel = { unref: () => {} }
    readonly answers: object[] = []
    hasRoom = true
    disconnected = false

    send(message: object): boolean {
      this.answers.push(message)
      return this.hasRoom
    }

    disconnect(): void {
      this.disconnected = true
    }
  }

  it("answers what comes, closes what cannot be used, and ends for who reads no answers", async () => {
    const { daemon } = await startDaemon()
    const descriptors = new ClientDescriptors(new Descriptors(), daemon.clock)
    const channel = new FakeChannel()
    const stop = receiveDescriptors(channel, descriptors)
    const [good, goodClosed] = await handle()
    channel.emit("message", { descriptor: "x" }, good)
    const [nameless, namelessClosed] = await handle()
    channel.emit("message", { descriptor: "" }, nameless)
    channel.emit("message", { descriptor: "y" })
    channel.emit("message", "no object")
    // What Node has made a socket of has been read from.
    const [under, underClosed] = await handle()
    const socket = Object.assign(new EventEmitter(), { _handle: under, destroy: () => under.close() })
    channel.emit("message", { descriptor: "z" }, socket)
    const refused = { code: -32602 }
    expect(channel.answers).toMatchObject([
      { descriptor: "x" },
      { descriptor: null, error: refused },
      { descriptor: "y", error: refused },
      { descriptor: null, error: refused },
      { descriptor: "z", error: refused },
    ])
    await Promise.all([namelessClosed, underClosed])
    expect(channel.disconnected).toBe(false)
    channel.hasRoom = false
    channel.emit("message", {})
    expect(channel.disconnected).toBe(true)
    stop()
    expect(channel.listenerCount("message")).toBe(0)
    descriptors.end()
    await goodClosed
  })
})

describe.skipIf(!canReceiveRights() || !canCopy || !hasPython)("a descriptor socket (needs koffi and python3)", () => {
  it("belongs to its client, and so does what comes over it", async () => {
    const { connect: joinDaemon } = await startDaemon()
    const [owner, other] = [await joinDaemon(), await joinDaemon()]
    const [{ path }, again] = (await Promise.all(
      [1, 2].map(() => owner.request<{ path: string }>("daemon/descriptorSocket")),
    )) as [{ path: string }, { path: string }]
    expect(again.path).toBe(path)
    const { path: others } = await other.request<{ path: string }>("daemon/descriptorSocket")
    expect(others).not.toBe(path)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)

    expect(await sendStdin(path, "mine")).toEqual({ descriptor: "mine" })
    const stolen = other.ask("loop/connectReadPipe", { fd: "mine" }, "to be cancelled")
    await other.barrier()
    // What Node gives a child as its standard input is a Unix socket.
    expect(await owner.request("loop/createConnection", { fd: "mine" })).toMatchObject({ kind: "unix" })
    other.notify("$/cancelRequest", { id: "to be cancelled" })
    expect((await stolen).error?.code).toBe(-32800)

    owner.destroy()
    await expect.poll(() => statSync(path, { throwIfNoEntry: false })).toBeUndefined()
    expect(await sendStdin(others, "still there")).toEqual({ descriptor: "still there" })
  })

  it("has room for so many connections, and closes one more", async () => {
    const client = await (await startDaemon()).connect()
    const { path } = await client.request<{ path: string }>("daemon/descriptorSocket")
    const sockets: Socket[] = []
    harness.cleanup(() => sockets.forEach((socket) => socket.destroy()))
    for (let count = 0; count < 16; count++) {
      const socket = connect(path)
      sockets.push(socket)
      await once(socket, "connect")
    }
    const last = connect(path).resume()
    await once(last, "close")
    sockets.pop()?.destroy()
    await expect.poll(() => sendStdin(path, "room").catch(() => null)).toEqual({ descriptor: "room" })
  })
})

it("a client is told on which ways descriptors can come", async () => {
  const socket = createServer().listen(0, "127.0.0.1")
  await once(socket, "listening")
  expect((socket.address() as AddressInfo).port).toBeGreaterThan(0)
  const descriptors = canCopy ? [copyOf(socket)] : []
  socket.close()
  const { connectRaw, daemon } = await startDaemon({ descriptors })
  const client = await connectRaw()
  const { capabilities } = await client.request<{ capabilities: { descriptors: string[] } }>("initialize", {
    protocolVersion: 1,
  })
  const ways = [...(canCopy ? ["inherited"] : []), ...(canReceiveRights() ? ["socket"] : [])]
  expect(capabilities.descriptors).toEqual(ways)
  for (const fd of descriptors) {
    const { server } = await client.request<{ server: number }>("loop/createServer", { fd })
    await client.request("server/close", { server })
  }
  expect(daemon.info().servers).toBe(0)
})
