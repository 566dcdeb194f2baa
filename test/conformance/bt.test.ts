/** BaseTransport: closing, and what happens to what is on its way then. */
import { expect } from "vitest"
import { barrier, ProcessRecorder, Recorder } from "../client/library.ts"
import { Recorder as RemoteRecorder } from "../support/peers.ts"
import { shell } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { HALF_CLOSING, setupKinds, STREAMS, WRITABLE } from "./kinds.ts"
import { proves, provesFor, skipped } from "./rows.ts"

const { connected, running, writing } = setupKinds()

const BIG = pattern(8 * 1024 * 1024)

provesFor("BT-1", WRITABLE, "close() ends both sides; again, and after the end, it has no effect", async (kind) => {
  const { client, transport, protocol, remote } = await writing(kind, new Recorder())
  const got = new RemoteRecorder(remote)
  transport.close()
  transport.close()
  expect(await protocol.lost()).toBeNull()
  await got.over
  transport.close()
  await barrier(client)
  expect(protocol.recording.count("lost")).toBe(1)
  expect(got.bytes).toBe(0)
})

provesFor("BT-2", WRITABLE, "close() returns at once; all that was written arrives before the end", async (kind) => {
  const { client, transport, protocol, remote } = await writing(kind, new Recorder())
  transport.write(BIG)
  transport.close()
  expect(transport.isClosing()).toBe(true)
  await barrier(client)
  expect(protocol.recording.events).toEqual(["made", "pause"])
  const got = new RemoteRecorder(remote)
  expect(await protocol.lost()).toBeNull()
  await got.over
  expect(got.data.equals(BIG)).toBe(true)
  expect(protocol.recording.events).toEqual(["made", "pause", "resume", "lost"])
})

provesFor("BT-3", STREAMS, "nothing is delivered after close(), though it is in flight", async (kind) => {
  const protocol: Recorder = new Recorder({ dataReceived: () => protocol.transport?.close() })
  const { remote } = await connected(kind, protocol)
  remote.write(BIG)
  remote.resume()
  expect(await protocol.lost()).toBeNull()
  expect(protocol.recording.events).toEqual(["made", "data", "lost"])
})

provesFor("BT-4", WRITABLE, "connectionLost(null) comes once, behind the flush, never inside close()", async (kind) => {
  let inside = false
  const lostInside: boolean[] = []
  const protocol = new Recorder({ connectionLost: () => lostInside.push(inside) })
  const { client, transport, remote } = await writing(kind, protocol)
  const got = new RemoteRecorder(remote)
  transport.write(Buffer.alloc(500_000))
  inside = true
  transport.close()
  inside = false
  expect(await protocol.lost()).toBeNull()
  await got.over
  await barrier(client)
  expect(lostInside).toEqual([false])
  expect(got.bytes).toBe(500_000)
})

provesFor("BT-5", HALF_CLOSING, "using a closed transport is no error and has no effect", async (kind) => {
  const { client, transport, protocol, remote, reports } = await connected(kind, new Recorder())
  const use = (): void => {
    transport.write(Buffer.from("late"))
    transport.writelines([Buffer.from("late")])
    transport.writeEof()
    transport.pauseReading()
    transport.resumeReading()
    transport.setWriteBufferLimits({ highBytes: 1_000 })
  }
  const got = new RemoteRecorder(remote)
  transport.write(Buffer.from("before"))
  transport.close()
  use()
  expect(await protocol.lost()).toBeNull()
  await got.over
  use()
  await barrier(client)
  expect(got.data.toString()).toBe("before")
  expect(protocol.recording.events).toEqual(["made", "lost"])
  expect(reports).toEqual([])
})

proves("BT-6", "isClosing() is true as soon as close() returns; a child's own end is no close", async () => {
  const inEof: boolean[] = []
  const protocol: Recorder = new Recorder({ eofReceived: () => void inEof.push(protocol.transport!.isClosing()) })
  const { transport, remote } = await connected("tcp", protocol)
  expect(transport.isClosing()).toBe(false)
  remote.end()
  await protocol.lost()
  expect([inEof, transport.isClosing()]).toEqual([[false], true])

  for (const end of ["close", "abort"] as const) {
    const each = await connected("tcp", new Recorder())
    each.transport[end]()
    expect(each.transport.isClosing()).toBe(true)
    await each.protocol.lost()
    expect(each.transport.isClosing()).toBe(true)
  }

  const child = await running(shell("exit 0"), new ProcessRecorder())
  await child.protocol.lost()
  expect(child.transport.isClosing()).toBe(false)
})

proves("BT-20", "setProtocol() gives what comes next, and what is held, to the new protocol", async () => {
  const { client, transport, protocol, remote } = await connected("tcp", new Recorder())
  remote.write("a")
  await protocol.received(1)
  transport.pauseReading()
  remote.write("b")
  await barrier(client)
  const next = new Recorder()
  // It hears no connectionMade: nothing is called for the switch.
  next.recording.hear("made")
  transport.setProtocol(next)
  expect(next.recording.events).toEqual(["made"])
  transport.resumeReading()
  await next.received(1)
  transport.close()
  await next.lost()
  expect([protocol.data.toString(), next.data.toString()]).toEqual(["a", "b"])
  expect(protocol.recording.events).toEqual(["made", "data"])
})

skipped("BT-21", "advice to whoever writes protocols; there is nothing to observe")

proves("BT-22", "getProtocol() gives the protocol of the moment", async () => {
  const { transport, protocol } = await connected("tcp", new Recorder())
  expect(transport.getProtocol()).toBe(protocol)
  const next = new Recorder()
  next.recording.hear("made")
  transport.setProtocol(next)
  expect(transport.getProtocol()).toBe(next)
  transport.close()
  await next.lost()
})
