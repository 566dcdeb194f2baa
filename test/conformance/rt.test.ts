/** ReadTransport: reading on and off. */
import { expect } from "vitest"
import { barrier, ProcessRecorder, Recorder } from "../client/library.ts"
import { Spewer } from "../support/peers.ts"
import { shell } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { READABLE, setupKinds } from "./kinds.ts"
import { provesFor } from "./rows.ts"

const { reading, running } = setupKinds()

const BIG = pattern(2 * 1024 * 1024)

provesFor("RT-1", READABLE, "isReading() follows pause, resume, close and abort at once", async (kind) => {
  for (const end of ["close", "abort"] as const) {
    const { transport, protocol } = await reading(kind, new Recorder())
    expect(transport.isReading()).toBe(true)
    transport.pauseReading()
    expect(transport.isReading()).toBe(false)
    transport.resumeReading()
    expect(transport.isReading()).toBe(true)
    protocol.transport?.[end]()
    expect(transport.isReading()).toBe(false)
    await protocol.lost()
    expect(transport.isReading()).toBe(false)
  }
})

provesFor("RT-2", READABLE, "no data comes once pauseReading() returned, and the remote stands still", async (kind) => {
  const protocol: Recorder = new Recorder({ dataReceived: () => protocol.transport?.pauseReading() })
  const { client, remote } = await reading(kind, protocol)
  const spewer = new Spewer(remote)
  await protocol.recording.heard("data")
  const { bytes } = protocol
  // What a TLS session has taken is still encrypted and sent in later turns.
  let [before, still] = [-1, 0]
  while (still < 20) {
    await barrier(client)
    still = spewer.takenBytes === before ? still + 1 : 0
    before = spewer.takenBytes
  }
  expect(protocol.bytes).toBe(bytes)
  expect(protocol.recording.count("data")).toBe(1)
  spewer.stop()
  protocol.transport?.abort()
  await protocol.lost()
})

provesFor(
  "RT-3",
  READABLE,
  "pauseReading() again, closed or lost, is no error; one resume undoes all",
  async (kind) => {
    const { client, transport, protocol, remote, reports } = await reading(kind, new Recorder())
    transport.pauseReading()
    transport.pauseReading()
    remote.write("held")
    await barrier(client)
    expect(protocol.bytes).toBe(0)
    transport.resumeReading()
    await protocol.received(4)
    transport.close()
    transport.pauseReading()
    // A TLS session waits for the remote's end, which its end has to be read for.
    remote.resume()
    await protocol.lost()
    transport.pauseReading()
    expect(reports).toEqual([])
  },
)

provesFor(
  "RT-4",
  READABLE,
  "what came while paused comes on resuming, in order, and the end behind it",
  async (kind) => {
    const { client, transport, protocol, remote } = await reading(kind, new Recorder())
    transport.pauseReading()
    remote.end(BIG)
    remote.resume()
    await barrier(client)
    expect(protocol.recording.events).toEqual(["made"])
    transport.resumeReading()
    expect(await protocol.lost()).toBeNull()
    expect(protocol.data.equals(BIG)).toBe(true)
    expect(protocol.recording.events.slice(-2)).toEqual(["eof", "lost"])
  },
)

provesFor(
  "RT-5",
  ["tcp", "unix"],
  "resumeReading() while reading, after the end and closed has no effect",
  async (kind) => {
    const protocol = new Recorder({ eofReceived: () => true })
    const { client, transport, remote } = await reading(kind, protocol)
    transport.resumeReading()
    transport.resumeReading()
    remote.end("x")
    await protocol.recording.heard("eof")
    transport.resumeReading()
    transport.pauseReading()
    transport.resumeReading()
    await barrier(client)
    expect(protocol.recording.events).toEqual(["made", "data", "eof"])
    transport.close()
    transport.resumeReading()
    await protocol.lost()
    transport.resumeReading()
    await barrier(client)
    expect(protocol.recording.events).toEqual(["made", "data", "eof", "lost"])

    const child = await running(shell("echo x"), new ProcessRecorder())
    const stdout = child.transport.getPipeTransport(1)
    stdout?.resumeReading()
    await child.protocol.lost()
    stdout?.resumeReading()
    expect(child.protocol.recording.count("end 1")).toBe(1)
  },
)
