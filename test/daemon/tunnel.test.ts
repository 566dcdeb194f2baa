/** A connection to the daemon as the bytes of one transport: both ways to both ends, and who owns what then. */
import { once } from "node:events"
import { connect as connectSocket, type Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import { describe, expect, test } from "vitest"
import { tunnel } from "transportd/client"
import { errorName } from "../../protocol/errors.ts"
import type { RawClient } from "../support/client.ts"
import { encode } from "../support/encode.ts"
import { listenPeer, Recorder, Spewer } from "../support/peers.ts"
import { namedPipe } from "../support/pipes.ts"
import { cat } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup, type TestDaemon } from "../support/setup.ts"

const harness = setup()

interface Ground extends TestDaemon {
  readonly client: RawClient
  readonly path: string
}

async function ground(): Promise<Ground> {
  const started = await harness.startDaemon({ socket: true })
  return { ...started, client: await started.connect({ flowControl: true }), path: started.daemon.socketPath as string }
}

async function dial(client: RawClient, options: object = {}): Promise<{ transport: number; remote: Socket }> {
  const peer = await listenPeer(harness)
  const params = { host: peer.host, port: peer.port, options }
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
  return { transport, remote: await peer.accepted() }
}

async function bored(path: string, transport: number, more: object = {}): Promise<Socket> {
  const [socket] = await tunnel({ socket: path, transport, steal: true, ...more })
  harness.cleanup(() => socket.destroy())
  return socket.on("error", () => {})
}

async function ended({ daemon }: Ground, transport: number): Promise<void> {
  const live = (): boolean =>
    [...daemon.table.holdings()].some(({ id, state }) => id === transport && state !== "ended")
  while (live()) await new Promise((resolve) => setImmediate(resolve))
}

test("bytes and half-closes pass both ways, and then both connections end", async () => {
  const all = await ground()
  const { transport, remote } = await dial(all.client)
  const socket = await bored(all.path, transport)
  const [there, back] = [pattern(900_000), pattern(700_000)]
  const atRemote = new Recorder(remote)
  socket.end(there)
  await atRemote.over
  expect(atRemote.data.equals(there)).toBe(true)
  remote.end(back)
  expect((await buffer(socket)).equals(back)).toBe(true)
  await ended(all, transport)
})

test("the remote may end first", async () => {
  const all = await ground()
  const { transport, remote } = await dial(all.client)
  const socket = await bored(all.path, transport)
  const atClient = new Recorder(socket)
  remote.end("first")
  await atClient.over
  expect(atClient.data.toString()).toBe("first")
  const atRemote = new Recorder(remote)
  socket.end("last")
  await atRemote.over
  expect(atRemote.data.toString()).toBe("last")
  await ended(all, transport)
})

test("bytes right behind the request belong to the transport, whatever they look like", async () => {
  const { client, path } = await ground()
  const { transport, remote } = await dial(client)
  const socket = connectSocket({ path, allowHalfOpen: true })
  harness.cleanup(() => socket.destroy())
  const say = (id: number, method: string, params: object): Buffer =>
    Buffer.from(encode({ jsonrpc: "2.0", id, method, params }, { framing: "header", byteMessages: false }))
  const bytes = Buffer.from("Content-Length: 9999999999999\r\n\r\n no frame at all")
  socket.write(
    Buffer.concat([
      say(1, "initialize", { protocolVersion: 1 }),
      say(2, "transport/tunnel", { transport, steal: true }),
      bytes,
    ]),
  )
  const atRemote = new Recorder(remote)
  await atRemote.until(bytes.length)
  expect(atRemote.data.equals(bytes)).toBe(true)
  remote.end("answer")
  socket.end()
  const heard = (await buffer(socket)).toString()
  expect(heard.endsWith("}answer")).toBe(true)
  expect(heard.match(/Content-Length/g)?.length).toBe(2)
})

test("what came before, and the brake, are the transport's", async () => {
  const all = await ground()
  const { transport, remote } = await dial(all.client, { paused: true })
  const spewer = new Spewer(remote)
  const socket = await bored(all.path, transport)
  socket.pause()
  let before = -1
  for (let same = 0; same < 100; same = spewer.takenBytes === before ? same + 1 : 0) {
    before = spewer.takenBytes
    await all.client.barrier()
  }
  spewer.stop()
  remote.end()
  socket.end()
  expect((await buffer(socket)).length).toBe(spewer.sentBytes)
})

describe("a connection that is cut", () => {
  test("ends a transport with lifetime client", async () => {
    const all = await ground()
    const { transport, remote } = await dial(all.client)
    const socket = await bored(all.path, transport)
    socket.destroy()
    await once(remote.resume(), "end")
    await ended(all, transport)
  })

  test("leaves one with lifetime daemon, for whoever comes next", async () => {
    const all = await ground()
    const { transport, remote } = await dial(all.client, { lifetime: "daemon" })
    const socket = await bored(all.path, transport)
    socket.write("one ")
    await new Recorder(remote).until(4)
    socket.destroy()
    while (all.daemon.table.find(transport).holding.owner !== null) await all.client.barrier()
    remote.write("kept")
    const next = await bored(all.path, transport)
    const atNext = new Recorder(next)
    await atNext.until(4)
    expect(atNext.data.toString()).toBe("kept")
    next.end()
    remote.end()
    await ended(all, transport)
  })
})

describe("where one owner ends, the next goes on", () => {
  type Counts = Record<"received" | "sent" | "consumed" | "brought" | "moved", number>

  async function counts({ client }: Ground, transport: number): Promise<Counts> {
    return (await client.request<{ channels: [Counts] }>("transport/describe", { transport })).channels[0]
  }

  /** What is counted when nothing moves any more. */
  async function stuck(all: Ground, transport: number): Promise<Counts> {
    let before = ""
    for (let same = 0; ;) {
      const now = await counts(all, transport)
      same = JSON.stringify(now) === before ? same + 1 : 0
      if (same === 100) return now
      before = JSON.stringify(now)
    }
  }

  test.each(["messages", "a tunnel"])("reading, with %s behind it: no byte is lost, none comes twice", async (next) => {
    const all = await ground()
    const { transport, remote } = await dial(all.client, { lifetime: "daemon", paused: true })
    const data = pattern(8_000_000)
    const socket = await bored(all.path, transport)
    socket.pause()
    remote.end(data)
    await stuck(all, transport)
    const client = await all.connect()
    const heir = next === "messages" ? null : await bored(all.path, transport)
    if (heir === null) await client.request("transport/attach", { transport, steal: true })
    const before = await buffer(socket)
    socket.end()
    heir?.end()
    expect(before.length).toBeGreaterThan(0)
    const after = heir === null ? (await client.lost(transport), client.data(transport)) : await buffer(heir)
    expect(Buffer.concat([before, after]).equals(data)).toBe(true)
    await ended(all, transport)
  })

  test("writing, though the remote does not read: what was brought is told, and what comes next stands behind it", async () => {
    const all = await ground()
    const { transport, remote } = await dial(all.client, { lifetime: "daemon" })
    const data = pattern(20_000_000)
    const first = await bored(all.path, transport)
    first.write(data)
    await stuck(all, transport)
    // By messages, then by a tunnel once more, with nothing flushed in between.
    await all.client.request("transport/attach", { transport, steal: true })
    const { brought, moved } = await counts(all, transport)
    expect(brought).toBeGreaterThan(moved)
    expect(brought).toBeLessThan(data.length)
    const written = data.subarray(brought, brought + 50_000)
    all.client.notify("transport/write", { transport, data: written.toString("base64") })
    const [second, answer] = await tunnel({ socket: all.path, transport, steal: true })
    harness.cleanup(() => second.destroy())
    expect(answer).toMatchObject({ written: written.length, brought })
    second.resume().end(data.subarray(brought + written.length))
    const atRemote = new Recorder(remote)
    await atRemote.over
    expect(atRemote.data.equals(data)).toBe(true)
    remote.end()
    await ended(all, transport)
  })

  test("both ways, however often the connection is cut under load", async () => {
    const all = await ground()
    const { transport, remote } = await dial(all.client, { lifetime: "daemon", paused: true })
    const [there, back] = [pattern(6_000_000), pattern(6_000_000, 2)]
    const atRemote = new Recorder(remote)
    remote.write(back)
    const read: Buffer[] = []
    let [readBytes, cuts] = [0, 0]
    while (readBytes < back.length) {
      const [socket, { offset, brought }] = await tunnel({ socket: all.path, transport, since: readBytes, steal: true })
      socket.on("error", () => {}).end(there.subarray(brought))
      expect(offset).toBe(readBytes)
      const cutAt = readBytes + 1 + harness.random() * 900_000
      await new Promise<void>((resolve) => {
        socket.once("close", resolve).on("data", (chunk: Buffer) => {
          read.push(chunk)
          readBytes += chunk.length
          if (readBytes < Math.min(cutAt, back.length)) return
          cuts++
          socket.destroy()
        })
        socket.resume()
      })
    }
    expect(cuts).toBeGreaterThan(3)
    expect(Buffer.concat(read).equals(back)).toBe(true)
    const last = await bored(all.path, transport)
    last.resume().end(there.subarray((await counts(all, transport)).brought))
    await atRemote.over
    expect(atRemote.data.equals(there)).toBe(true)
    remote.end()
    await ended(all, transport)
  })

  test("from any byte that is still kept", async () => {
    const all = await ground()
    const { transport, remote } = await dial(all.client, { lifetime: "daemon" })
    const first = await bored(all.path, transport)
    remote.write("0123456789")
    await new Recorder(first).until(10)
    const second = await bored(all.path, transport, { since: 7 })
    remote.end()
    second.end()
    expect((await buffer(second)).toString()).toBe("789")
    await ended(all, transport)
  })
})

test("one that is taken over ends, and the new owner goes on", async () => {
  const all = await ground()
  const { transport, remote } = await dial(all.client, { lifetime: "daemon" })
  const socket = await bored(all.path, transport)
  remote.write("one")
  const atClient = new Recorder(socket)
  await atClient.until(3)
  await all.client.request("transport/attach", { transport, steal: true })
  await atClient.over
  remote.end("two")
  await all.client.until(() => all.client.count(transport) === 3)
  expect(all.client.data(transport).toString()).toBe("two")
  await all.client.lost(transport)
})

test("an end of the daemon ends it", async () => {
  const { client, daemon, path } = await ground()
  const { transport } = await dial(client)
  const socket = await bored(path, transport)
  daemon.shutdown(0)
  await once(socket.resume(), "end")
  socket.end()
  await daemon.ended
})

describe("what cannot be", () => {
  test("is refused, and messages go on as before", async () => {
    const all = await ground()
    const { transport } = await dial(all.client)
    const other = await all.connect()
    const child = await all.client.request<{ transport: number; pipes: Record<string, number> }>(
      "loop/subprocessExec",
      cat,
    )
    const reading = await all.client.request<{ transport: number }>("loop/connectReadPipe", {
      path: await namedPipe(harness),
    })
    const loop = await dial(all.client)
    await all.client.request("transport/splice", { from: loop.transport, to: loop.transport })
    for (const [who, params, name] of [
      [other, { transport: 4711 }, "UnknownTransport"],
      [other, { transport }, "NotOwner"],
      [other, { transport: child.transport, steal: true }, "NotSupported"],
      [other, { transport: child.pipes["1"], steal: true }, "NotSupported"],
      [other, { transport: reading.transport, steal: true }, "NotSupported"],
      [other, { transport: loop.transport, steal: true }, "TransportBusy"],
      [other, { transport, since: 1, steal: true }, "InvalidParams"],
      [other, {}, "InvalidParams"],
      [all.client, { transport }, "InvalidRequest"],
    ] as const) {
      expect([params, errorName((await who.failure("transport/tunnel", params)).code)]).toEqual([params, name])
    }
    expect(await other.request("daemon/info")).toMatchObject({ clients: 2 })
  })

  test("on stdio there is no socket to make one of", async () => {
    const { daemon } = await harness.startDaemon()
    const { PassThrough } = await import("node:stream")
    const [input, output] = [new PassThrough(), new PassThrough()]
    daemon.serve(input, output, { framing: "newline" })
    const lines = buffer(output)
    input.write('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n')
    input.end('{"jsonrpc":"2.0","id":2,"method":"transport/tunnel","params":{"transport":1}}\n')
    const [, answer] = (await lines).toString().trim().split("\n")
    expect(JSON.parse(answer ?? "")).toMatchObject({ id: 2, error: { code: 1105 } })
  })
})
