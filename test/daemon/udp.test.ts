/** UDP endpoints through the wire: what is sent, what is heard, what goes wrong, how they end. */
import { createSocket } from "node:dgram"
import { describe, expect, it } from "vitest"
import { lookups } from "../../daemon/open/lookups.ts"
import { MAX_LOOKUPS } from "../../protocol/limits.ts"
import type { Notification, RawClient } from "../support/client.ts"
import { closedUdpPort, udpPeer } from "../support/datagrams.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const { startDaemon } = harness

interface Address {
  readonly host: string
  readonly port: number
  readonly family: string
}

interface Endpoint {
  readonly transport: number
  readonly kind: string
  readonly extra: { readonly peername: Address | null; readonly sockname: Address }
}

const localAddr = { host: "127.0.0.1", port: 0 }

async function endpoint(client: RawClient, params: object = { localAddr }): Promise<Endpoint> {
  const opened = await client.request<Endpoint>("loop/createDatagramEndpoint", params)
  await client.callback(opened.transport, "connectionMade")
  return opened
}

/** The datagrams that came so far, as text. */
function texts(client: RawClient, transport: number): string[] {
  return client
    .of(transport)
    .filter(({ method }) => method === "protocol/datagramReceived")
    .map(({ params }) => (typeof params.data === "string" ? Buffer.from(params.data, "base64") : params.data) as Buffer)
    .map(String)
}

function lostCount(client: RawClient, transport: number): number {
  return client
    .of(transport)
    .filter(({ method }) => method === "protocol/datagramsLost")
    .reduce((sum, { params }) => sum + (params.count as number), 0)
}

/** Waits until `count` datagrams were delivered or reported as lost. */
async function accounted(client: RawClient, transport: number, count: number): Promise<void> {
  await client.until(
    () => texts(client, transport).length + lostCount(client, transport) >= count,
    `${count} datagrams accounted for`,
  )
}

/** Keeps every look-up of a name waiting, and with it the datagrams behind it, until the returned function is called. */
function blockLookups(): () => void {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  for (let place = 0; place < MAX_LOOKUPS; place++) void lookups.run("nothing", () => released)
  harness.cleanup(() => release())
  return release
}

for (const byteMessages of [true, false]) {
  describe(`a UDP endpoint, ${byteMessages ? "byte messages" : "JSON alone"}`, () => {
    it("answers with its addresses, then says connectionMade", async () => {
      const client = await (await startDaemon()).connect({ byteMessages })
      const { transport, kind, extra } = await endpoint(client)
      expect(kind).toBe("udp")
      expect(extra).toMatchObject({ peername: null, sockname: { host: "127.0.0.1", family: "IPv4" } })
      expect(extra.sockname.port).toBeGreaterThan(0)
      expect(await client.request("transport/getExtraInfo", { transport, name: "peername", default: 1 })).toBeNull()
    })

    it("sends to an address and hears with the sender's address, which sendto takes", async () => {
      const client = await (await startDaemon()).connect({ byteMessages })
      const peer = await udpPeer(harness)
      const { transport, extra } = await endpoint(client)
      client.notify("transport/sendto", { transport, data: Buffer.from("ping"), addr: peer.addr })
      const { data, from } = await peer.next()
      expect([String(data), from.port]).toEqual(["ping", extra.sockname.port])
      await peer.send("pong", extra.sockname)
      const heard = await client.callback(transport, "datagramReceived")
      expect(heard.params.addr).toEqual({ ...peer.addr, family: "IPv4" })
      expect(texts(client, transport)).toEqual(["pong"])
      client.notify("transport/sendto", { transport, text: "again ✓", addr: heard.params.addr })
      expect(String((await peer.next()).data)).toBe("again ✓")
    })

    it("keeps order and boundaries both ways, and drops no empty datagram", async () => {
      const client = await (await startDaemon()).connect({ byteMessages })
      const peer = await udpPeer(harness)
      const { transport, extra } = await endpoint(client)
      const parts = ["one", "", "two", "", "", "three"]
      for (const part of parts)
        client.notify("transport/sendto", { transport, data: Buffer.from(part), addr: peer.addr })
      const sent: string[] = []
      for (const _ of parts) sent.push(String((await peer.next()).data))
      expect(sent).toEqual(parts)
      for (const part of parts) await peer.send(part, extra.sockname)
      await accounted(client, transport, parts.length)
      expect(texts(client, transport)).toEqual(parts)
    })

    it("carries the longest datagram there is", async () => {
      const client = await (await startDaemon()).connect({ byteMessages })
      const peer = await udpPeer(harness)
      const { transport, extra } = await endpoint(client)
      const longest = Buffer.alloc(65_507, "x")
      client.notify("transport/sendto", { transport, data: longest, addr: peer.addr })
      expect((await peer.next()).data.equals(longest)).toBe(true)
      await peer.send(longest, extra.sockname)
      await client.callback(transport, "datagramReceived")
      expect(texts(client, transport)).toEqual([String(longest)])
    })
  })
}

describe("a connected UDP endpoint", () => {
  it("sends to its remote without an address, or with exactly that one", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport, extra } = await endpoint(client, { remoteAddr: peer.addr })
    expect(extra.peername).toEqual({ ...peer.addr, family: "IPv4" })
    await client.request("transport/sendto", { transport, text: "a" })
    await client.request("transport/sendto", { transport, text: "b", addr: peer.addr })
    await client.request("transport/sendto", { transport, text: "c", addr: null })
    const heard = [await peer.next(), await peer.next(), await peer.next()].map(({ data }) => String(data))
    expect(heard).toEqual(["a", "b", "c"])
  })

  it("refuses any other address and stays", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client, { remoteAddr: peer.addr })
    for (const addr of [
      { ...peer.addr, port: peer.port + 1 },
      { ...peer.addr, host: "localhost" },
    ]) {
      const { code } = await client.failure("transport/sendto", { transport, text: "x", addr })
      expect(code).toBe(-32602)
    }
    await client.request("transport/sendto", { transport, text: "fine" })
    expect(String((await peer.next()).data)).toBe("fine")
  })

  it("hears its remote alone", async () => {
    const client = await (await startDaemon()).connect()
    const [peer, stranger] = [await udpPeer(harness), await udpPeer(harness)]
    const { transport, extra } = await endpoint(client, { localAddr, remoteAddr: peer.addr })
    await stranger.send("not for you", extra.sockname)
    await peer.send("for you", extra.sockname)
    await client.callback(transport, "datagramReceived")
    expect(texts(client, transport)).toEqual(["for you"])
  })

  it("reports a refusal of the remote and lives on", async () => {
    const client = await (await startDaemon()).connect()
    const { transport } = await endpoint(client, { remoteAddr: { host: "127.0.0.1", port: await closedUdpPort() } })
    await client.request("transport/sendto", { transport, text: "anybody there?" })
    const { params } = await client.callback(transport, "errorReceived")
    expect(params.error).toMatchObject({ code: 1201, data: { errno: "ECONNREFUSED" } })
    expect(await client.request("transport/isClosing", { transport })).toBe(false)
    await client.request("transport/sendto", { transport, text: "still here" })
  })

  it("with allowBroadcast is not connected, and still sends to one address only", async () => {
    const client = await (await startDaemon()).connect()
    const [peer, other] = [await udpPeer(harness), await udpPeer(harness)]
    const { transport, extra } = await endpoint(client, { localAddr, remoteAddr: peer.addr, allowBroadcast: true })
    expect(extra.peername).toBeNull()
    await client.request("transport/sendto", { transport, text: "hello" })
    expect(String((await peer.next()).data)).toBe("hello")
    const { code } = await client.failure("transport/sendto", { transport, text: "x", addr: other.addr })
    expect(code).toBe(-32602)
    await other.send("an answer of another", extra.sockname)
    await client.callback(transport, "datagramReceived")
    expect(texts(client, transport)).toEqual(["an answer of another"])
  })
})

describe("what cannot be sent", () => {
  it("without any address is InvalidParams, and the transport stays", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    expect((await client.failure("transport/sendto", { transport, text: "x" })).code).toBe(-32602)
    client.notify("transport/sendto", { transport, text: "dropped without a word" })
    await client.request("transport/sendto", { transport, text: "fine", addr: peer.addr })
    expect(String((await peer.next()).data)).toBe("fine")
  })

  const tooLong = Buffer.alloc(65_508)
  const flaws = [
    { what: "a datagram that is too long", addr: "127.0.0.1", data: tooLong, code: 1201, data_: { errno: "EMSGSIZE" } },
    { what: "the wrong family", addr: "::1", data: Buffer.from("x"), code: 1202, data_: { reason: "EAI_ADDRFAMILY" } },
    { what: "an impossible name", addr: "not a name", data: Buffer.from("x"), code: 1202, data_: {} },
    { what: "a name that is too long", addr: "x".repeat(300), data: Buffer.from("x"), code: 1202, data_: {} },
  ]
  for (const { what, addr, data, code, data_ } of flaws) {
    it(`is reported by errorReceived: ${what}; the rest goes out`, async () => {
      const client = await (await startDaemon()).connect()
      const peer = await udpPeer(harness)
      const { transport } = await endpoint(client)
      client.notify("transport/sendto", { transport, data, addr: { host: addr, port: peer.port } })
      client.notify("transport/sendto", { transport, text: "behind it", addr: peer.addr })
      const { params } = await client.callback(transport, "errorReceived")
      expect(params.error).toMatchObject({ code, data: data_ })
      expect(String((await peer.next()).data)).toBe("behind it")
      expect(await client.request("transport/getWriteBufferSize", { transport })).toBe(0)
    })
  }

  it("to port 0 is reported too", async () => {
    const client = await (await startDaemon()).connect()
    const { transport } = await endpoint(client)
    await client.request("transport/sendto", { transport, text: "x", addr: { host: "127.0.0.1", port: 0 } })
    const { params } = await client.callback(transport, "errorReceived")
    expect(params.error).toMatchObject({ code: 1201, data: { errno: "EINVAL" } })
  })

  it("names are looked up without letting what is behind overtake", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    const named = { host: "localhost", port: peer.port }
    for (const [text, addr] of [
      ["1", named],
      ["2", peer.addr],
      ["3", named],
      ["4", peer.addr],
    ] as const) {
      client.notify("transport/sendto", { transport, text, addr })
    }
    const heard: string[] = []
    for (let count = 0; count < 4; count++) heard.push(String((await peer.next()).data))
    expect(heard).toEqual(["1", "2", "3", "4"])
  })
})

describe("many datagrams at once, to and from one remote", () => {
  /** Over a real socket, where what is said together comes together. */
  async function connected(to: { host: string; port: number }): Promise<{ client: RawClient; opened: Endpoint }> {
    const client = await (await startDaemon({ socket: true })).connect()
    return { client, opened: await endpoint(client, { remoteAddr: to }) }
  }

  function together(client: RawClient, say: () => void): void {
    client.stream.cork()
    say()
    client.stream.uncork()
  }

  const parts = Array.from({ length: 70 }, (_, index) => `${index} ${"x".repeat((index * 37) % 900)}`).with(50, "")

  it("keep their order and their boundaries, both ways", async () => {
    const peer = await udpPeer(harness)
    const { client, opened } = await connected(peer.addr)
    const { transport } = opened
    together(client, () => {
      for (const text of parts) client.notify("transport/sendto", { transport, text })
    })
    const sent: string[] = []
    for (const _ of parts) sent.push(String((await peer.next()).data))
    expect(sent).toEqual(parts)
    expect(await client.request("transport/getWriteBufferSize", { transport })).toBe(0)
    await Promise.all(parts.map((part) => peer.send(part, opened.extra.sockname)))
    await accounted(client, transport, parts.length)
    expect(texts(client, transport)).toEqual(parts)
  })

  it("go out around those that are too long, which is reported of each", async () => {
    const peer = await udpPeer(harness)
    const { client, opened } = await connected(peer.addr)
    const { transport } = opened
    together(client, () => {
      for (const length of [1, 2, 65_508, 3, 3_000_000, 4])
        client.notify("transport/sendto", { transport, text: "x".repeat(length) })
    })
    const errors = (): Notification[] =>
      client.of(transport).filter(({ method }) => method === "protocol/errorReceived")
    await client.until(() => errors().length === 2)
    for (const { params } of errors()) expect(params.error).toMatchObject({ code: 1201, data: { errno: "EMSGSIZE" } })
    const heard: string[] = []
    for (let count = 0; count < 4; count++) heard.push(String((await peer.next()).data))
    expect(heard).toEqual(["x", "xx", "xxx", "xxxx"])
  })

  it("are out when an abort comes with them", async () => {
    const peer = await udpPeer(harness)
    const { client, opened } = await connected(peer.addr)
    const { transport } = opened
    together(client, () => {
      for (const text of ["one", "two", "three"]) client.notify("transport/sendto", { transport, text })
      client.notify("transport/abort", { transport })
      client.notify("transport/sendto", { transport, text: "too late" })
    })
    await client.lost(transport)
    const heard: string[] = []
    for (let count = 0; count < 3; count++) heard.push(String((await peer.next()).data))
    expect(heard).toEqual(["one", "two", "three"])
    await peer.send("last", peer.addr)
    expect(String((await peer.next()).data)).toBe("last")
  })

  it("are refused where nobody listens, which is told; the endpoint stays", async () => {
    const { client, opened } = await connected({ host: "127.0.0.1", port: await closedUdpPort() })
    const { transport } = opened
    together(client, () => {
      for (const text of parts) client.notify("transport/sendto", { transport, text })
    })
    const { params } = await client.callback(transport, "errorReceived")
    expect(params.error).toMatchObject({ code: 1201, data: { errno: "ECONNREFUSED" } })
    expect(await client.request("transport/isClosing", { transport })).toBe(false)
  })
})

describe("opening a UDP endpoint", () => {
  it("needs an address or a family", async () => {
    const client = await (await startDaemon()).connect()
    expect((await client.failure("loop/createDatagramEndpoint", {})).code).toBe(-32602)
    const { transport, extra } = await endpoint(client, { family: "IPv4" })
    expect(extra.sockname).toMatchObject({ host: "0.0.0.0", family: "IPv4" })
    client.notify("transport/close", { transport })
    await client.lost(transport)
  })

  it("fails with EADDRINUSE on a port that is taken, and leaves nothing", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { code, data } = await client.failure("loop/createDatagramEndpoint", { localAddr: peer.addr })
    expect(code).toBe(1201)
    expect(data).toMatchObject({ errno: "EADDRINUSE", syscall: "bind", port: peer.port })
  })

  it("fails with ResolveFailed where the two addresses have no family in common", async () => {
    const client = await (await startDaemon()).connect()
    const params = { localAddr, remoteAddr: { host: "::1", port: 9 } }
    expect((await client.failure("loop/createDatagramEndpoint", params)).code).toBe(1202)
    expect((await client.failure("loop/createDatagramEndpoint", { localAddr, family: 6 })).code).toBe(1202)
  })

  it("says that reusePort needs a newer Node instead of ignoring it", async () => {
    const client = await (await startDaemon()).connect()
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
    const supported = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
    const { error } = await client.ask("loop/createDatagramEndpoint", { localAddr, reusePort: true })
    expect(error?.code).toBe(supported ? undefined : 1105)
  })

  it("speaks IPv6", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness, "::1")
    const { transport, extra } = await endpoint(client, { localAddr: { host: "::1", port: 0 } })
    expect(extra.sockname).toMatchObject({ host: "::1", family: "IPv6" })
    await client.request("transport/sendto", { transport, text: "six", addr: peer.addr })
    expect(String((await peer.next()).data)).toBe("six")
    await peer.send("back", extra.sockname)
    const { params } = await client.callback(transport, "datagramReceived")
    expect(params.addr).toEqual({ ...peer.addr, family: "IPv6" })
  })
})

describe("what a UDP endpoint cannot do", () => {
  it("is refused, and it works on", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    for (const [method, params] of [
      ["write", { text: "x" }],
      ["writelines", { data: [] }],
      ["writeEof", {}],
      ["getPid", {}],
      ["canWriteEof", {}],
    ] as const) {
      expect((await client.failure(`transport/${method}`, { transport, ...params })).code).toBe(1105)
    }
    await client.request("transport/sendto", { transport, text: "fine", addr: peer.addr })
    expect(String((await peer.next()).data)).toBe("fine")
  })

  it("sendto belongs to endpoints alone", async () => {
    const client = await (await startDaemon()).connect()
    const { transport } = await client.request<Endpoint>("loop/subprocessExec", { program: "cat" })
    const { code } = await client.failure("transport/sendto", { transport, text: "x", addr: localAddr })
    expect(code).toBe(1105)
  })
})

describe("the end of a UDP endpoint", () => {
  it("close sends what was taken, then says connectionLost with null", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    for (let count = 0; count < 100; count++) {
      client.notify("transport/sendto", { transport, text: String(count), addr: peer.addr })
    }
    client.notify("transport/close", { transport })
    client.notify("transport/sendto", { transport, text: "too late", addr: peer.addr })
    expect((await client.lost(transport)).params.error).toBeNull()
    const heard: string[] = []
    for (let count = 0; count < 100; count++) heard.push(String((await peer.next()).data))
    expect(heard).toEqual(Array.from({ length: 100 }, (_, count) => String(count)))
    expect(client.callbacks(transport)).toEqual(["connectionMade", "connectionLost"])
    expect((await client.failure("transport/sendto", { transport, text: "x", addr: peer.addr })).code).toBe(1102)
    expect(await client.request("transport/close", { transport })).toBeNull()
  })

  it("abort drops what waits, even behind a look-up", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    const release = blockLookups()
    client.notify("transport/sendto", { transport, text: "x", addr: { host: "localhost", port: peer.port } })
    client.notify("transport/sendto", { transport, text: "y", addr: peer.addr })
    client.notify("transport/abort", { transport })
    expect((await client.lost(transport)).params.error).toBeNull()
    release()
    await client.request("loop/getaddrinfo", { host: "localhost" })
    expect(peer.letters).toEqual([])
  })

  it("the port is free again", async () => {
    const client = await (await startDaemon()).connect()
    const { transport, extra } = await endpoint(client)
    client.notify("transport/close", { transport })
    await client.lost(transport)
    const again = await endpoint(client, { localAddr: extra.sockname })
    expect(again.extra.sockname.port).toBe(extra.sockname.port)
  })

  it("comes with its client", async () => {
    const { daemon, connect } = await startDaemon()
    const client = await connect()
    const { extra } = await endpoint(client)
    client.destroy()
    const other = await connect()
    await expect.poll(() => [...daemon.table.holdings()].length).toBe(0)
    await endpoint(other, { localAddr: extra.sockname })
  })

  it("nothing is heard after close", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport, extra } = await endpoint(client)
    await peer.send("before", extra.sockname)
    await client.callback(transport, "datagramReceived")
    const closing = client.request("transport/close", { transport })
    await closing
    await peer.send("after", extra.sockname)
    await client.lost(transport)
    expect(texts(client, transport)).toEqual(["before"])
  })
})

describe("a client that does not keep up", () => {
  it("with flow control gets a window of payload, and the number of what was dropped", async () => {
    const client = await (await startDaemon()).connect({ flowControl: true })
    client.consumes = false
    const peer = await udpPeer(harness)
    const { transport, extra } = await endpoint(client, { localAddr, options: { readWindowBytes: 100 } })
    for (let count = 0; count < 15; count++) await peer.send(`datagram ${count % 10}`, extra.sockname)
    await accounted(client, transport, 15)
    expect(texts(client, transport)).toHaveLength(10)
    expect(lostCount(client, transport)).toBe(5)
    client.notify("transport/consumed", { transport, offset: 100 })
    await client.barrier()
    await peer.send("on we go", extra.sockname)
    await accounted(client, transport, 16)
    expect(texts(client, transport).at(-1)).toBe("on we go")
  })

  it("paused gets what was kept on resuming, then the number of what was not", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const options = { paused: true, readWindowBytes: 30 }
    const { transport, extra } = await endpoint(client, { localAddr, options })
    const watcher = await endpoint(client)
    for (const text of ["ten bytes.", "TEN BYTES.", "", "10 bytes..", "too much"]) await peer.send(text, extra.sockname)
    // What is behind on the same path has come, so the rest has too.
    await peer.send("x", watcher.extra.sockname)
    await client.callback(watcher.transport, "datagramReceived")
    expect(await client.request("transport/isReading", { transport })).toBe(false)
    expect(client.callbacks(transport)).toEqual(["connectionMade"])
    await client.request("transport/resumeReading", { transport })
    await accounted(client, transport, 5)
    expect(texts(client, transport)).toEqual(["ten bytes.", "TEN BYTES.", "", "10 bytes.."])
    expect(client.callbacks(transport).at(-1)).toBe("datagramsLost")
    expect(lostCount(client, transport)).toBe(1)
    expect(await client.request("transport/isReading", { transport })).toBe(true)
  })

  it("without flow control and without reading makes the daemon keep a bounded amount", async () => {
    const { connect } = await startDaemon()
    const client = await connect()
    const peer = await udpPeer(harness)
    const { transport, extra } = await endpoint(client)
    const witness = await connect()
    const beside = await endpoint(witness)
    client.stall()
    const big = Buffer.alloc(60_000, "b")
    const sent = 60
    for (let count = 1; count <= sent; count++) {
      // What comes behind it on another endpoint has come: so each is with the daemon before the next is sent.
      await peer.send(big, extra.sockname)
      await peer.send("x", beside.extra.sockname)
      await accounted(witness, beside.transport, count)
    }
    const { channels } = await witness.request<{ channels: [{ received: number }] }>("transport/describe", {
      transport,
    })
    expect(channels[0].received).toBeLessThan(sent * big.length)
    client.resume()
    await accounted(client, transport, sent)
    const kept = texts(client, transport).length
    expect(kept + lostCount(client, transport)).toBe(sent)
    expect(kept * big.length).toBeGreaterThanOrEqual(1024 * 1024 - big.length)
    expect(kept * big.length).toBeLessThan(2.5 * 1024 * 1024)
    expect(client.of(transport).at(-1)?.params.count ?? client.of(transport).at(-2)?.params.count).toBeGreaterThan(0)
  })
})

describe("the write buffer of a UDP endpoint", () => {
  it("reports what was flushed, 8 bytes more for each datagram", async () => {
    const client = await (await startDaemon()).connect({ flowControl: true })
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    for (const text of ["abc", "", "de"]) client.notify("transport/sendto", { transport, text, addr: peer.addr })
    const flushed = await client.until(() =>
      client.of(transport).find(({ method, params }) => method === "transport/flushed" && params.offset === 29),
    )
    expect(flushed.params.offset).toBe(29)
    expect(await client.request("transport/getWriteBufferSize", { transport })).toBe(0)
  })

  it("pauses strictly over high and resumes at or under low", async () => {
    const client = await (await startDaemon()).connect()
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client, {
      localAddr,
      options: { writeBufferLimits: { highBytes: 40, lowBytes: 8 } },
    })
    expect(await client.request("transport/getWriteBufferLimits", { transport })).toEqual({
      highBytes: 40,
      lowBytes: 8,
    })
    const release = blockLookups()
    client.notify("transport/sendto", { transport, text: "ab", addr: { host: "localhost", port: peer.port } })
    for (let count = 0; count < 3; count++)
      client.notify("transport/sendto", { transport, text: "ab", addr: peer.addr })
    expect(await client.request("transport/getWriteBufferSize", { transport })).toBe(40)
    expect(client.callbacks(transport).slice(1)).toEqual([])
    const sent = client.request("transport/sendto", { transport, text: "", addr: peer.addr })
    expect(await client.request("transport/getWriteBufferSize", { transport })).toBe(48)
    expect(client.callbacks(transport).slice(1)).toEqual(["pauseWriting"])
    release()
    await sent
    expect(client.callbacks(transport).slice(1)).toEqual(["pauseWriting", "resumeWriting"])
    expect(await client.request("transport/getWriteBufferSize", { transport })).toBe(0)
  })

  it("is ended by a client with flow control that goes over its window", async () => {
    const client = await (await startDaemon()).connect({ flowControl: true })
    const peer = await udpPeer(harness)
    const { transport } = await endpoint(client)
    const data = Buffer.alloc(60_000)
    const addr = { host: "localhost", port: peer.port }
    blockLookups()
    for (let count = 0; count < 20; count++) client.notify("transport/sendto", { transport, data, addr })
    expect((await client.lost(transport)).params.error).toMatchObject({ code: 1301 })
  })
})

describe("multicast", () => {
  const group = "239.255.77.1"

  it("joins, sends over the chosen interface, and leaves", async ({ skip }) => {
    if (!(await loopbackCarriesMulticast())) return skip("this kernel carries no multicast over the loopback interface")
    const client = await (await startDaemon()).connect()
    const membership = { group, interface: "127.0.0.1" }
    const receiver = await endpoint(client, {
      localAddr: { host: "0.0.0.0", port: 0 },
      multicast: { join: [membership], reuseAddress: true },
    })
    const sender = await endpoint(client, {
      localAddr,
      multicast: { interface: "127.0.0.1", ttl: 0, loopback: true },
    })
    const addr = { host: group, port: receiver.extra.sockname.port }
    await client.request("transport/sendto", { transport: sender.transport, text: "to all", addr })
    await client.callback(receiver.transport, "datagramReceived")
    expect(texts(client, receiver.transport)).toEqual(["to all"])

    await client.request("transport/configure", { transport: receiver.transport, multicast: { leave: [membership] } })
    await client.request("transport/sendto", { transport: sender.transport, text: "not heard", addr })
    const direct = { host: "127.0.0.1", port: addr.port }
    await client.request("transport/sendto", { transport: sender.transport, text: "heard", addr: direct })
    await accounted(client, receiver.transport, 2)
    expect(texts(client, receiver.transport)).toEqual(["to all", "heard"])
  })

  it("what the system refuses is OsFailure: at opening there is no endpoint, later it stays", async () => {
    const client = await (await startDaemon()).connect()
    const multicast = { join: [{ group: "10.1.2.3", interface: "127.0.0.1" }] }
    const { code, data } = await client.failure("loop/createDatagramEndpoint", { localAddr, multicast })
    expect([code, data?.errno]).toEqual([1201, "EINVAL"])
    const { transport } = await endpoint(client)
    expect((await client.failure("transport/configure", { transport, multicast })).code).toBe(1201)
    expect(await client.request("transport/isClosing", { transport })).toBe(false)
  })

  it("is refused for what has no datagrams", async () => {
    const client = await (await startDaemon()).connect()
    const { transport } = await client.request<Endpoint>("loop/subprocessExec", { program: "cat" })
    expect((await client.failure("transport/configure", { transport, multicast: { ttl: 1 } })).code).toBe(1105)
  })

  /** Whether this machine can do it at all, tried without the daemon. */
  function loopbackCarriesMulticast(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = createSocket("udp4")
      const done = (answer: boolean): void => {
        clearTimeout(timer)
        socket.close(() => resolve(answer))
      }
      const timer = setTimeout(() => done(false), 1_000)
      socket.on("error", () => done(false))
      socket.on("message", () => done(true))
      socket.bind(0, () => {
        socket.addMembership(group, "127.0.0.1")
        socket.setMulticastInterface("127.0.0.1")
        socket.send("x", socket.address().port, group)
      })
    })
  }
})
