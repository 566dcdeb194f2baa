/** Leaving what goes on: whoever attaches next has what comes behind the last byte that was given. */
import { expect, it } from "vitest"
import { listenPeer } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { ProcessRecorder, Recorder, setupLibrary } from "./library.ts"

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
