/** Joining transports through the library: what it holds, what it wrote, and what may be called meanwhile. */
import { once } from "node:events"
import type { Socket } from "node:net"
import { expect, it } from "vitest"
import { ConnectionEnded, type Client, type Transport } from "transportd/client"
import { listenPeer, Recorder as RemoteRecorder } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { ProcessRecorder, Recorder, setupLibrary } from "./library.ts"

const harness = setupLibrary()

interface End {
  readonly transport: Transport
  readonly protocol: Recorder
  readonly socket: Socket
}

async function dial(client: Client, options: object = {}): Promise<End> {
  const peer = await listenPeer(harness)
  const where = { host: peer.host, port: peer.port, options }
  const [transport, protocol] = await client.loop.createConnection(() => new Recorder(), where)
  return { transport, protocol, socket: await peer.accepted() }
}

it("both directions go through to their ends, and are counted", async () => {
  const { client } = await harness.startLibrary()
  const [one, other] = [await dial(client), await dial(client)]
  const [atOne, atOther] = [new RemoteRecorder(one.socket), new RemoteRecorder(other.socket)]
  const ended = client.loop.splice(one.transport, other.transport, { both: true })
  const [there, back] = [pattern(500_000), pattern(300_000)]
  one.socket.end(there)
  await atOther.over
  other.socket.end(back)
  await atOne.over
  expect(await ended).toEqual([
    { bytes: there.length, error: null },
    { bytes: back.length, error: null },
  ])
  expect(atOther.data.equals(there)).toBe(true)
  expect(atOne.data.equals(back)).toBe(true)
  for (const { protocol } of [one, other]) {
    expect(await protocol.lost()).toBeNull()
    // What it held passes through the write buffer, and may fill it.
    const events = protocol.recording.events.filter((event) => event !== "pause" && event !== "resume")
    expect(events).toEqual(["made", "eof", "lost"])
  }
})

it("loses nothing of what a paused protocol was not given, and puts it behind what was written", async () => {
  const { client } = await harness.startLibrary()
  const [one, other] = [await dial(client), await dial(client)]
  const recorder = new RemoteRecorder(other.socket)
  one.socket.write("head ")
  await one.protocol.recording.heard("data")
  one.transport.pauseReading()
  const bytes = pattern(600_000)
  one.socket.end(bytes)
  other.transport.write(Buffer.from("written "))
  await client.loop.splice(one.transport, other.transport)
  await recorder.over
  expect(one.protocol.data.toString()).toBe("head ")
  expect(recorder.data.subarray(0, 8).toString()).toBe("written ")
  expect(recorder.data.subarray(8).equals(bytes)).toBe(true)
  other.transport.close()
  await other.protocol.lost()
  await one.protocol.lost()
})

it("refuses to write meanwhile, and to what is closing", async () => {
  const { client } = await harness.startLibrary()
  const [one, other] = [await dial(client), await dial(client)]
  const ended = client.loop.splice(one.transport, other.transport)
  const busy = expect.objectContaining({ name: "TransportBusy" })
  expect(() => other.transport.write(Buffer.from("x"))).toThrow(busy)
  expect(() => other.transport.writeEof()).toThrow(busy)
  await expect(client.loop.splice(one.transport, other.transport)).rejects.toThrow(busy)
  one.transport.write(Buffer.from("the other direction is free"))
  await new Promise((resolve) => one.socket.once("data", resolve).resume())
  one.socket.write("through")
  await new RemoteRecorder(other.socket).until(7)
  one.transport.close()
  expect((await ended)[0].error).toBeNull()
  await one.protocol.lost()
  await other.protocol.lost()
  await expect(client.loop.splice(other.transport, one.transport)).rejects.toThrow(
    expect.objectContaining({ name: "TransportClosed" }),
  )
})

it("joins the pipes of a process", async () => {
  const { client } = await harness.startLibrary()
  const { transport, socket } = await dial(client)
  const [child] = await client.loop.subprocessExec(() => new ProcessRecorder(), [cat.program, ...cat.args])
  const input = client.loop.splice(transport, child.getPipeTransport(0)!)
  const output = client.loop.splice(child.getPipeTransport(1)!, transport)
  const recorder = new RemoteRecorder(socket)
  const bytes = pattern(300_000)
  socket.end(bytes)
  await recorder.over
  expect(recorder.data.equals(bytes)).toBe(true)
  expect([await input, await output]).toEqual([[{ bytes: 300_000, error: null }], [{ bytes: 300_000, error: null }]])
})

it("rejects with ConnectionEnded when the daemon is lost", async () => {
  const { client } = await harness.startLibrary()
  const [one, other] = [await dial(client), await dial(client)]
  const ended = client.loop.splice(one.transport, other.transport)
  const recorder = new RemoteRecorder(other.socket)
  one.socket.write("through")
  await recorder.until(7)
  client.destroy()
  await expect(ended).rejects.toThrow(ConnectionEnded)
  await once(one.socket.resume(), "end")
})
