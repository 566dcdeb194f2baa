/** asyncio's datagram endpoints, pipes and resolver as a user of the client library sees them. */
import { describe, expect, it } from "vitest"
import type { Client, DatagramAddress, DatagramProtocol, DatagramTransport, SenderAddress } from "transportd/client"
import { isRpcError } from "transportd/client"
import { closedUdpPort, udpPeer } from "../support/datagrams.ts"
import { Recorder as PipeRecorder } from "../support/peers.ts"
import { namedPipe, reader, writer } from "../support/pipes.ts"
import { barrier, Recorder, Recording, setupLibrary } from "./library.ts"

const harness = setupLibrary()
const { startLibrary } = harness

const localAddr = { host: "127.0.0.1", port: 0 }

/** A datagram protocol that records. */
class Listener implements DatagramProtocol {
  readonly recording = new Recording(/^(made( datagram| error| missing \d+)*( lost)?)?$/)
  readonly heard: Array<{ data: Buffer; addr: SenderAddress }> = []
  readonly errors: Error[] = []
  lostWith: Error | null | undefined
  transport: DatagramTransport | undefined

  connectionMade(transport: DatagramTransport): void {
    this.transport = transport
    this.recording.hear("made")
  }

  datagramReceived(data: Buffer, addr: SenderAddress): void {
    this.heard.push({ data, addr })
    this.recording.hear("datagram")
  }

  errorReceived(error: Error): void {
    this.errors.push(error)
    this.recording.hear("error")
  }

  datagramsLost(count: number): void {
    this.recording.hear(`missing ${count}`)
  }

  pauseWriting(): void {
    this.recording.hear("pause")
  }

  resumeWriting(): void {
    this.recording.hear("resume")
  }

  connectionLost(error: Error | null): void {
    this.lostWith = error
    this.recording.hear("lost")
  }

  get events(): readonly string[] {
    return this.recording.events
  }

  get texts(): string[] {
    return this.heard.map(({ data }) => String(data))
  }

  until(look: () => boolean): Promise<void> {
    return this.recording.until(look)
  }
}

async function endpoint(
  client: Client,
  params: Parameters<Client["loop"]["createDatagramEndpoint"]>[1] = { localAddr },
): Promise<[DatagramTransport, Listener, SenderAddress]> {
  const [transport, protocol] = await client.loop.createDatagramEndpoint(() => new Listener(), params)
  return [transport, protocol, transport.getExtraInfo("sockname") as SenderAddress]
}

describe("a datagram endpoint of the client library", () => {
  it("echoes as asyncio's example does: the sender's address is an address to send to", async () => {
    const { client } = await startLibrary()
    class Echo extends Listener {
      override datagramReceived(data: Buffer, addr: SenderAddress): void {
        super.datagramReceived(data, addr)
        this.transport?.sendto(data, addr)
      }
    }
    const [server] = await client.loop.createDatagramEndpoint(() => new Echo(), { localAddr })
    const remoteAddr = server.getExtraInfo("sockname") as DatagramAddress
    const [transport, protocol] = await endpoint(client, { remoteAddr })
    expect(protocol.events).toEqual(["made"])
    expect(transport.getExtraInfo("peername")).toMatchObject({ port: remoteAddr.port })
    transport.sendto(Buffer.from("hello"))
    transport.sendto(Buffer.alloc(0))
    await protocol.until(() => protocol.heard.length === 2)
    expect(protocol.texts).toEqual(["hello", ""])
    transport.close()
    server.close()
    await protocol.until(() => protocol.events.includes("lost"))
    expect(protocol.lostWith).toBeNull()
  })

  it("tells of refusals and of what is too long, and stays", async () => {
    const { client } = await startLibrary()
    const [transport, protocol] = await endpoint(client, {
      remoteAddr: { host: "127.0.0.1", port: await closedUdpPort() },
    })
    transport.sendto(Buffer.from("x"))
    await protocol.until(() => protocol.errors.length === 1)
    expect(isRpcError(protocol.errors[0], "OsFailure") && protocol.errors[0].errno).toBe("ECONNREFUSED")
    for (const bytes of [65_508, 3_000_000]) {
      const before = protocol.errors.length
      transport.sendto(Buffer.alloc(bytes))
      await protocol.until(() =>
        protocol.errors.some(
          (error, at) => at >= before && isRpcError(error, "OsFailure") && error.errno === "EMSGSIZE",
        ),
      )
    }
    expect(transport.isClosing()).toBe(false)
  })

  it("refuses wrong addresses where it was called", async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const [open] = await endpoint(client)
    expect(() => open.sendto(Buffer.from("x"))).toThrow("give an address")
    expect(() => open.sendto("x" as unknown as Uint8Array, peer.addr)).toThrow(TypeError)
    const [connected] = await endpoint(client, { remoteAddr: peer.addr })
    expect(() => connected.sendto(Buffer.from("x"), { ...peer.addr, host: "localhost" })).toThrow(peer.host)
    connected.sendto(Buffer.from("fine"), peer.addr)
    expect(String((await peer.next()).data)).toBe("fine")
  })

  it("calls pauseWriting inside sendto, and resumeWriting once it has drained", async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const [transport, protocol] = await endpoint(client)
    transport.setWriteBufferLimits({ highBytes: 36, lowBytes: 0 })
    for (let count = 0; count < 3; count++) transport.sendto(Buffer.from("four"), peer.addr)
    expect([transport.getWriteBufferSize(), protocol.events]).toEqual([36, ["made"]])
    transport.sendto(Buffer.alloc(0), peer.addr)
    expect([transport.getWriteBufferSize(), protocol.events]).toEqual([44, ["made", "pause"]])
    await protocol.until(() => protocol.events.includes("resume"))
    expect(transport.getWriteBufferSize()).toBe(0)
  })

  it("sends more than a window without losing or doubling any on the way to the system", async () => {
    const { client } = await startLibrary()
    const [transport, protocol] = await endpoint(client)
    const { port } = await udpPeer(harness)
    const count = 200
    for (let sent = 0; sent < count; sent++) transport.sendto(Buffer.alloc(20_000), { host: "127.0.0.1", port })
    transport.close()
    transport.sendto(Buffer.from("dropped"), { host: "127.0.0.1", port })
    await protocol.until(() => protocol.events.includes("lost"))
    expect(protocol.lostWith).toBeNull()
  })

  it("holds what comes while paused, and delivers it in order", async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const [transport, protocol, addr] = await endpoint(client)
    transport.pauseReading()
    expect(transport.isReading()).toBe(false)
    for (const text of ["1", "", "3"]) await peer.send(text, addr)
    await barrier(client)
    expect(protocol.heard).toEqual([])
    transport.resumeReading()
    await protocol.until(() => protocol.heard.length === 3)
    expect(protocol.texts).toEqual(["1", "", "3"])
  })

  it("takes more than a window in all, because it reports what it consumed", async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const [, protocol, addr] = await endpoint(client)
    for (let count = 1; count <= 40; count++) {
      await peer.send(Buffer.alloc(50_000), addr)
      await protocol.until(() => protocol.heard.length === count)
      // What we consumed is with the daemon before more comes: nothing holds a sender of datagrams back.
      await barrier(client)
    }
    expect(protocol.events.filter((event) => event.startsWith("missing"))).toEqual([])
  })

  it("survives callbacks that throw", async () => {
    const { client, reports } = await startLibrary()
    const peer = await udpPeer(harness)
    class Thrower extends Listener {
      override datagramReceived(data: Buffer, addr: SenderAddress): void {
        super.datagramReceived(data, addr)
        throw new Error("on purpose")
      }
    }
    const [transport, protocol] = await client.loop.createDatagramEndpoint(() => new Thrower(), { localAddr })
    const addr = transport.getExtraInfo("sockname") as SenderAddress
    await peer.send("1", addr)
    await peer.send("2", addr)
    await protocol.until(() => protocol.heard.length === 2)
    expect(reports).toHaveLength(2)
    expect(transport.isClosing()).toBe(false)
  })

  it("is lost with the connection to the daemon", async () => {
    const { client } = await startLibrary()
    const [, protocol] = await endpoint(client)
    client.destroy()
    await protocol.until(() => protocol.events.includes("lost"))
    expect(protocol.lostWith).toMatchObject({ name: "ConnectionEnded" })
  })

  it("abort ends it once, whatever is called behind it", async () => {
    const { client } = await startLibrary()
    const peer = await udpPeer(harness)
    const [transport, protocol] = await endpoint(client)
    transport.abort()
    transport.abort()
    transport.close()
    transport.sendto(Buffer.from("x"), peer.addr)
    transport.pauseReading()
    await protocol.until(() => protocol.events.includes("lost"))
    transport.abort()
    expect(protocol.events).toEqual(["made", "lost"])
  })
})

describe("pipes of the client library", () => {
  it("read to the end, whatever eofReceived answers", async () => {
    const { client } = await startLibrary()
    const path = await namedPipe(harness)
    const protocol = new Recorder({ eofReceived: () => true })
    const [transport] = await client.loop.connectReadPipe(() => protocol, { path })
    expect(transport.getExtraInfo("pipe")).toEqual({ path })
    writer(harness, path).end("all of it")
    expect(await protocol.lost()).toBeNull()
    expect(String(protocol.data)).toBe("all of it")
  })

  it("write to the end", async () => {
    const { client } = await startLibrary()
    const path = await namedPipe(harness)
    const sink = new PipeRecorder(reader(harness, path))
    const protocol = new Recorder()
    const [transport] = await client.loop.connectWritePipe(() => protocol, { path })
    transport.write(Buffer.from("all of it"))
    transport.writeEof()
    expect(await protocol.lost()).toBeNull()
    await sink.over
    expect(String(sink.data)).toBe("all of it")
  })

  it("are refused as the daemon refuses them", async () => {
    const { client } = await startLibrary()
    const missing = client.loop.connectReadPipe(() => new Recorder(), { path: "/no/such/pipe" })
    await expect(missing).rejects.toMatchObject({ name: "OsFailure", errno: "ENOENT" })
  })
})

describe("the resolver of the client library", () => {
  it("gives addresses and names", async () => {
    const { client } = await startLibrary()
    const found = await client.loop.getaddrinfo("127.0.0.1", 80, { type: "stream" })
    expect(found.map(({ address }) => address)).toEqual([{ host: "127.0.0.1", port: 80, family: "IPv4" }])
    const flags = ["numericHost" as const, "numericService" as const]
    const names = await client.loop.getnameinfo({ host: "127.0.0.1", port: 80 }, { flags })
    expect(names).toEqual({ host: "127.0.0.1", service: "80" })
    await expect(client.loop.getaddrinfo("not a name", null)).rejects.toMatchObject({ name: "ResolveFailed" })
  })
})
