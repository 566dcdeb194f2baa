/** Datagram protocols: what comes, and what could not be sent. */
import { expect } from "vitest"
import { barrier } from "../client/library.ts"
import { closedUdpPort, udpPeer } from "../support/datagrams.ts"
import { DatagramRecorder, endpoint, LOCAL } from "./datagrams.ts"
import { setupKinds } from "./kinds.ts"
import { proves, skipped } from "./rows.ts"

const harness = setupKinds()
const { startLibrary } = harness

proves("DP-1", "one protocol serves all remotes: the factory and connectionMade are called once", async () => {
  const { client } = await startLibrary()
  let calls = 0
  const protocol = new DatagramRecorder()
  const factory = (): DatagramRecorder => {
    calls++
    return protocol
  }
  const [transport, same] = await client.loop.createDatagramEndpoint(factory, { localAddr: LOCAL })
  const addr = transport.getExtraInfo("sockname") as { host: string; port: number }
  for (let count = 0; count < 3; count++) await (await udpPeer(harness)).send(String(count), addr)
  await protocol.received(3)
  expect([calls, same === protocol, protocol.recording.count("made")]).toEqual([1, true, 1])
  expect(new Set(protocol.heard.map((each) => each.addr.port)).size).toBe(3)
})

proves("DP-2", "datagramReceived is called once for each, the longest and empty ones too", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { protocol, sockname } = await endpoint(client)
  const longest = Buffer.alloc(65_507, "x")
  for (const [at, data] of ["one", "", "two", longest, ""].entries()) {
    await peer.send(data, sockname)
    await protocol.received(at + 1)
  }
  expect(protocol.texts).toEqual(["one", "", "two", longest.toString(), ""])
  expect(protocol.heard.every(({ data }) => Buffer.isBuffer(data))).toBe(true)
})

proves("DP-3", "addr is the sender's, and sendto() takes it as it is", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport, protocol, sockname } = await endpoint(client)
  await peer.send("ping", sockname)
  await protocol.received(1)
  const [letter] = protocol.heard
  expect(letter?.addr).toEqual({ ...peer.addr, family: "IPv4" })
  transport.sendto(Buffer.from("pong"), letter?.addr)
  expect((await peer.next()).data.toString()).toBe("pong")
})

proves(
  "DP-4",
  "errorReceived tells of a refusal, of what is too long and of an unknown host; the endpoint stays",
  async () => {
    const { client } = await startLibrary()
    const refused = await endpoint(client, { remoteAddr: { host: "127.0.0.1", port: await closedUdpPort() } })
    refused.transport.sendto(Buffer.from("x"))
    await refused.protocol.recording.heard("error")
    expect(refused.protocol.errors[0]).toMatchObject({ name: "OsFailure", errno: "ECONNREFUSED" })

    const peer = await udpPeer(harness)
    const { transport, protocol } = await endpoint(client)
    transport.sendto(Buffer.alloc(70_000), peer.addr)
    await protocol.recording.until(() => protocol.errors.length === 1)
    transport.sendto(Buffer.from("x"), { host: "host.invalid", port: peer.port })
    await protocol.recording.until(() => protocol.errors.length === 2)
    expect(protocol.errors).toEqual([
      expect.objectContaining({ name: "OsFailure", errno: "EMSGSIZE" }),
      expect.objectContaining({ name: "ResolveFailed" }),
    ])
    transport.sendto(Buffer.from("still here"), peer.addr)
    expect((await peer.next()).data.toString()).toBe("still here")
    expect([refused.transport.isClosing(), transport.isClosing()]).toEqual([false, false])
  },
)

proves("DP-5", "what could not be sent is dropped, and the queue goes on", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport, protocol } = await endpoint(client)
  transport.setWriteBufferLimits({ highBytes: 1_000_000 })
  transport.sendto(Buffer.from("before"), peer.addr)
  transport.sendto(Buffer.alloc(65_508), peer.addr)
  transport.sendto(Buffer.from("behind"), peer.addr)
  await protocol.recording.heard("error")
  expect([await peer.next(), await peer.next()].map(({ data }) => data.toString())).toEqual(["before", "behind"])
  expect(protocol.recording.events).toEqual(["made", "error"])
})

proves("DP-6", "an unconnected endpoint hears nothing of a closed port", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  const { transport, protocol } = await endpoint(client)
  transport.sendto(Buffer.from("lost"), { host: "127.0.0.1", port: await closedUdpPort() })
  transport.sendto(Buffer.from("x"), peer.addr)
  await peer.next()
  await barrier(client)
  expect(protocol.recording.events).toEqual(["made"])
})

skipped("DP-7", "BSD alone; on Linux the buffer of the system holds the sender back")
