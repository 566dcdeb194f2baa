/** DatagramTransport: sending, its buffer, its end. */
import { expect } from "vitest"
import { barrier } from "../client/library.ts"
import { udpPeer } from "../support/datagrams.ts"
import { endpoint } from "./datagrams.ts"
import { setupKinds } from "./kinds.ts"
import { proves } from "./rows.ts"

const harness = setupKinds()
const { startLibrary } = harness

const invalid = expect.objectContaining({ name: "InvalidParams" })

proves(
  "DT-1",
  "sendto() sends one datagram each, in order, from the bound address; only bytes, only allowed addresses",
  async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const { transport, sockname } = await endpoint(client)
    for (const text of ["one", "two", "three"]) transport.sendto(Buffer.from(text), peer.addr)
    const letters = [await peer.next(), await peer.next(), await peer.next()]
    expect(letters.map(({ data }) => data.toString())).toEqual(["one", "two", "three"])
    expect(letters.every(({ from }) => from.port === sockname.port)).toBe(true)
    for (const wrong of ["text", 7, null]) {
      expect(() => transport.sendto(wrong as unknown as Uint8Array, peer.addr)).toThrow(TypeError)
    }
    const { transport: connected } = await endpoint(client, { remoteAddr: peer.addr })
    for (const other of [
      { ...peer.addr, port: peer.port + 1 },
      { ...peer.addr, host: "localhost" },
    ]) {
      expect(() => connected.sendto(Buffer.from("x"), other)).toThrow(invalid)
    }
    connected.sendto(Buffer.from("allowed"), peer.addr)
    expect((await peer.next()).data.toString()).toBe("allowed")
  },
)

proves(
  "DT-2",
  "without an address it goes to remoteAddr; where there is none, that is an error and the endpoint stays",
  async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const { transport: connected } = await endpoint(client, { remoteAddr: peer.addr })
    connected.sendto(Buffer.from("a"))
    connected.sendto(Buffer.from("b"), null)
    expect([await peer.next(), await peer.next()].map(({ data }) => data.toString())).toEqual(["a", "b"])
    const { transport, protocol } = await endpoint(client)
    expect(() => transport.sendto(Buffer.from("x"))).toThrow(invalid)
    transport.sendto(Buffer.from("c"), peer.addr)
    expect((await peer.next()).data.toString()).toBe("c")
    expect(protocol.recording.events).toEqual(["made"])
  },
)

proves("DT-3", "sendto() returns at once, and the marks pause and resume as those of a stream do", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport, protocol } = await endpoint(client)
  expect(transport.getWriteBufferLimits()).toEqual({ lowBytes: 16_384, highBytes: 65_536 })
  transport.setWriteBufferLimits({ highBytes: 1_008, lowBytes: 0 })
  transport.sendto(Buffer.alloc(1_000), peer.addr)
  expect(protocol.recording.count("pause")).toBe(0)
  for (let count = 0; count < 100; count++) transport.sendto(Buffer.alloc(50_000), peer.addr)
  expect(protocol.recording.count("pause")).toBe(1)
  expect(transport.getWriteBufferSize()).toBe(1_008 + 100 * 50_008)
  await protocol.recording.heard("resume")
  expect(transport.getWriteBufferSize()).toBe(0)
})

proves("DT-4", "an empty datagram arrives as one, and the next behind it", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport } = await endpoint(client)
  const { transport: connected } = await endpoint(client, { remoteAddr: peer.addr })
  transport.sendto(Buffer.alloc(0), peer.addr)
  const first = await peer.next()
  connected.sendto(Buffer.alloc(0))
  connected.sendto(Buffer.from("next"))
  const rest = [await peer.next(), await peer.next()]
  expect([first, ...rest].map(({ data }) => data.toString())).toEqual(["", "", "next"])
})

proves("DT-5", "each datagram counts 8 bytes more, an empty one 8, and nothing is left when all are out", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport, protocol } = await endpoint(client)
  transport.setWriteBufferLimits({ highBytes: 0 })
  for (let count = 0; count < 5; count++) transport.sendto(Buffer.alloc(10), peer.addr)
  expect(transport.getWriteBufferSize()).toBe(5 * 18)
  for (let count = 0; count < 3; count++) transport.sendto(Buffer.alloc(0), peer.addr)
  expect(transport.getWriteBufferSize()).toBe(5 * 18 + 3 * 8)
  await protocol.recording.heard("resume")
  expect(transport.getWriteBufferSize()).toBe(0)
})

proves("DT-6", "abort() drops what is queued", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport, protocol } = await endpoint(client)
  const count = 200
  for (let at = 0; at < count; at++) transport.sendto(Buffer.alloc(50_000, at), peer.addr)
  transport.abort()
  expect(transport.getWriteBufferSize()).toBe(0)
  expect(await protocol.lost()).toBeNull()
  const other = await endpoint(client)
  other.transport.sendto(Buffer.from("behind"), peer.addr)
  while (peer.letters.at(-1)?.data.toString() !== "behind") await peer.next()
  // A window of about 1 MiB had left for the daemon; what was beyond it must not come.
  const highest = Math.max(-1, ...peer.letters.slice(0, -1).map(({ data }) => data[0] ?? -1))
  expect(highest).toBeLessThan(30)
})

proves("DT-7", "nothing is received once abort() or close() returned", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  for (const end of ["abort", "close"] as const) {
    const { transport, protocol, sockname } = await endpoint(client)
    await peer.send("before", sockname)
    await protocol.received(1)
    await peer.send("in flight", sockname)
    transport[end]()
    await peer.send("after", sockname)
    await protocol.lost()
    await barrier(client)
    expect(protocol.texts).toEqual(["before"])
  }
})

proves(
  "DT-8",
  "connectionLost(null) comes once, behind what close() still sends; later calls are dropped",
  async () => {
    const { client, reports } = await startLibrary()
    const peer = await udpPeer(harness)
    const { transport, protocol } = await endpoint(client)
    for (let at = 0; at < 20; at++) transport.sendto(Buffer.from(String(at)), peer.addr)
    transport.close()
    transport.sendto(Buffer.from("late"), peer.addr)
    expect(await protocol.lost()).toBeNull()
    const heard: string[] = []
    for (let at = 0; at < 20; at++) heard.push((await peer.next()).data.toString())
    expect(heard).toEqual(Array.from({ length: 20 }, (_, at) => String(at)))
    transport.sendto(Buffer.from("later"), peer.addr)
    transport.close()
    transport.abort()
    await barrier(client)
    expect(protocol.recording.events).toEqual(["made", "lost"])
    expect(peer.letters).toHaveLength(20)
    expect(reports).toEqual([])
  },
)
