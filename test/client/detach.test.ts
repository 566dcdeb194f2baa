/** Leaving what goes on: whoever attaches next has what comes behind the last byte that was given. */
import { expect, it } from "vitest"
import { listenPeer, Recorder as PeerRecorder } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { barrier, ProcessRecorder, Recorder, setupLibrary } from "./library.ts"

const harness = setupLibrary()

it("a process is left with its pipes, and nothing comes twice", async () => {
  const { client } = await harness.startLibrary()
  const [first, left] = await client.loop.subprocessExec(() => new ProcessRecorder(), [cat.program, ...cat.args], {
    options: { lifetime: "daemon" },
  })
  first.getPipeTransport(0)?.write(Buffer.from("one "))
  await left.recording.heard("data 1")
  first.detach()
  first.detach()
  expect(await left.lost()).toBeNull()
  expect([first.getReturncode(), left.output(1), left.recording.events.at(-1)]).toEqual([null, "one ", "lost"])
  const [second, next] = await client.loop.attachSubprocess(() => new ProcessRecorder(), first.id)
  second.getPipeTransport(0)?.write(Buffer.from("two"))
  second.getPipeTransport(0)?.writeEof()
  expect(await next.lost()).toBeNull()
  expect([second.getReturncode(), next.output(1)]).toEqual([0, "two"])
})

it("a stream is left with what a paused protocol was not given", async () => {
  const { client } = await harness.startLibrary()
  const peer = await listenPeer(harness)
  const [first, left] = await client.loop.createConnection(() => new Recorder(), {
    host: "127.0.0.1",
    port: peer.port,
    options: { lifetime: "daemon" },
  })
  const remote = await peer.accepted()
  remote.write("one ")
  await left.recording.heard("data")
  first.pauseReading()
  remote.write("two")
  first.detach()
  expect(await left.lost()).toBeNull()
  const [, next] = await client.loop.attach(() => new Recorder(), first.id)
  remote.end()
  expect(await next.lost()).toBeNull()
  expect([left.data, next.data].map(String)).toEqual(["one ", "two"])
})

it("a stream is written on while much of what was written before is not flushed", async () => {
  const { client } = await harness.startLibrary()
  const peer = await listenPeer(harness)
  const [first, left] = await client.loop.createConnection(() => new Recorder(), {
    host: "127.0.0.1",
    port: peer.port,
    options: { lifetime: "daemon" },
  })
  const remote = await peer.accepted()
  // More than the system and the daemon take from one who writes to a remote that does not read.
  first.write(Buffer.alloc(32 * 1024 * 1024, "1"))
  const standing = async () => (await client.request("transport/describe", { transport: first.id })).channels[0]
  await until(async () => {
    const [one, other] = [await standing(), await standing()]
    return one?.written === other?.written && (other?.written ?? 0) - (other?.flushed ?? 0) > 512 * 1024
  })
  first.detach()
  await left.lost()
  const { written = 0 } = (await standing()) ?? {}
  const [second, next] = await client.loop.attach(() => new Recorder(), first.id)
  second.write(Buffer.alloc(1024 * 1024, "2"))
  second.writeEof()
  // The daemon has what it may have of it before the remote begins to read.
  await barrier(client)
  const received = new PeerRecorder(remote)
  await received.over
  remote.end()
  expect(await next.lost()).toBeNull()
  expect(received.data.indexOf("2")).toBe(written)
  expect(received.bytes).toBe(written + 1024 * 1024)
  expect(next.recording.events).toContain("pause")
})

async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setImmediate(resolve))
}
