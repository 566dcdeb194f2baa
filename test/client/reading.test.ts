/** The reading half of a transport as a user of the client library sees it: pauses, ends, buffers of the user's own. */
import type { Socket } from "node:net"
import { describe, expect, it } from "vitest"
import type { StreamProtocol, Transport } from "transportd/client"
import { listenPeer, Recorder as SocketRecorder, Spewer } from "../support/peers.ts"
import { pattern } from "../support/random.ts"
import { barrier, BufferedRecorder, Recorder, setupLibrary, type Library } from "./library.ts"

const harness = setupLibrary()
const { startLibrary } = harness

interface Connected<P> extends Library {
  readonly transport: Transport
  readonly protocol: P
  readonly remote: Socket
}

async function connected<P extends StreamProtocol>(protocol: P, byteMessages = true): Promise<Connected<P>> {
  const library = await startLibrary({ byteMessages })
  const peer = await listenPeer(harness)
  const { host, port } = peer
  const [transport] = await library.client.loop.createConnection(() => protocol, { host, port })
  return { ...library, transport, protocol, remote: await peer.accepted() }
}

const BIG = pattern(3 * 1024 * 1024)

describe("receiving", () => {
  it.each([
    ["byte messages", true],
    ["JSON", false],
  ])("delivers all bytes in order as %s", async (_form, byteMessages) => {
    const { protocol, remote } = await connected(new Recorder(), byteMessages)
    remote.end(BIG)
    expect(await protocol.lost()).toBeNull()
    expect(protocol.data.equals(BIG)).toBe(true)
    expect(protocol.chunks.every((chunk) => chunk.length > 0)).toBe(true)
    expect(protocol.recording.events.slice(-2)).toEqual(["eof", "lost"])
  })

  it("writes and receives inside connectionMade, before createConnection returns", async () => {
    const { client } = await startLibrary()
    const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
    const protocol = new Recorder({ connectionMade: (transport) => transport.write(Buffer.from("at once")) })
    const [transport, same] = await client.loop.createConnection(() => protocol, { host: peer.host, port: peer.port })
    expect(same).toBe(protocol)
    expect(transport.getProtocol()).toBe(protocol)
    expect(protocol.recording.events[0]).toBe("made")
    expect(transport.getExtraInfo("peername")).toEqual({ host: peer.host, port: peer.port, family: "IPv4" })
    expect(transport.getExtraInfo("nothing")).toBeNull()
    expect(transport.getExtraInfo("toString", "x")).toBe("x")
    await protocol.received(7)
    transport.close()
    await protocol.lost()
  })
})

describe("pauseReading", () => {
  it("stops data in flight at once; resumeReading brings all of it in order, the end behind it", async () => {
    const protocol = new Recorder({ dataReceived: () => protocol.transport?.pauseReading() })
    const { client, transport, remote } = await connected(protocol)
    remote.end(BIG)
    await protocol.recording.heard("data")
    const bytes = protocol.bytes
    expect(transport.isReading()).toBe(false)
    await barrier(client)
    await barrier(client)
    expect(protocol.bytes).toBe(bytes)
    expect(protocol.recording.events).toEqual(["made", "data"])
    // Each piece pauses again, so each needs its own resume; what comes is still all, in order.
    while (protocol.recording.count("lost") === 0) {
      const heard = protocol.recording.events.length
      transport.resumeReading()
      await protocol.recording.until(() => protocol.recording.events.length > heard)
    }
    expect(protocol.data.equals(BIG)).toBe(true)
    expect(protocol.recording.events.slice(-2)).toEqual(["eof", "lost"])
  })

  it("calls nobody from inside resumeReading", async () => {
    const protocol = new Recorder({ dataReceived: () => protocol.transport?.pauseReading() })
    const { transport, remote } = await connected(protocol)
    remote.write(BIG)
    await protocol.recording.heard("data")
    transport.resumeReading()
    expect(protocol.recording.count("data")).toBe(1)
    transport.abort()
    await protocol.lost()
  })

  it("may be called again and at any time; one resume undoes all", async () => {
    const { client, transport, protocol, remote } = await connected(new Recorder())
    transport.pauseReading()
    transport.pauseReading()
    remote.write("held")
    await barrier(client)
    expect(protocol.bytes).toBe(0)
    transport.resumeReading()
    transport.resumeReading()
    await protocol.received(4)
    transport.close()
    expect(transport.isReading()).toBe(false)
    transport.pauseReading()
    transport.resumeReading()
    await protocol.lost()
    transport.pauseReading()
    transport.resumeReading()
  })

  it("stops the remote in the end", async () => {
    const { client, transport, protocol, remote } = await connected(new Recorder())
    transport.pauseReading()
    const spewer = new Spewer(remote)
    let [before, still] = [-1, 0]
    while (still < 20) {
      await barrier(client)
      still = spewer.takenBytes === before ? still + 1 : 0
      before = spewer.takenBytes
    }
    expect(protocol.bytes).toBe(0)
    spewer.stop()
    transport.abort()
    await protocol.lost()
  })

  it("drops what is held when the transport closes", async () => {
    const { client, transport, protocol, remote } = await connected(new Recorder())
    transport.pauseReading()
    remote.write(BIG.subarray(0, 100_000))
    await barrier(client)
    transport.close()
    expect(await protocol.lost()).toBeNull()
    expect(protocol.bytes).toBe(0)
  })
})

describe("close", () => {
  it("delivers nothing after it, though data is in flight", async () => {
    const protocol = new Recorder({ dataReceived: () => protocol.transport?.close() })
    const { remote } = await connected(protocol)
    remote.write(BIG)
    expect(await protocol.lost()).toBeNull()
    expect(protocol.recording.events).toEqual(["made", "data", "lost"])
  })
})

describe("eofReceived", () => {
  it.each([undefined, false, null, 0, ""])("closes after flushing when it answers %o", async (answer) => {
    const protocol = new Recorder({
      eofReceived: () => {
        expect(protocol.transport?.isClosing()).toBe(false)
        protocol.transport?.write(BIG)
        return answer
      },
    })
    const { transport, remote } = await connected(protocol)
    const got = new SocketRecorder(remote)
    remote.end()
    expect(await protocol.lost()).toBeNull()
    await got.over
    expect(got.data.equals(BIG)).toBe(true)
    expect(transport.isClosing()).toBe(true)
  })

  it("keeps the transport half-open when it answers true, and is not called twice", async () => {
    const protocol = new Recorder({ eofReceived: () => true })
    const { client, transport, remote } = await connected(protocol)
    const got = new SocketRecorder(remote)
    remote.end()
    await protocol.recording.heard("eof")
    transport.pauseReading()
    transport.resumeReading()
    await barrier(client)
    await barrier(client)
    expect(protocol.recording.events).toEqual(["made", "eof"])
    transport.write(Buffer.from("much later"))
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    expect(got.data.toString()).toBe("much later")
    expect(protocol.recording.events).toEqual(["made", "eof", "lost"])
  })

  it("closes for a protocol that does not have it, or nothing at all", async () => {
    let lost = (): void => {}
    const over = new Promise<void>((resolve) => (lost = resolve))
    const { remote, reports } = await connected({ connectionLost: () => lost() })
    remote.end("unheard")
    await over
    const bare = await connected({})
    bare.remote.end("unheard")
    await new Promise((resolve) => bare.remote.resume().once("end", resolve))
    expect([...reports, ...bare.reports]).toEqual([])
  })
})

describe("a buffered protocol", () => {
  it("gets 7 bytes as 3, 3 and 1 when its buffer holds 3", async () => {
    const buffer = Buffer.alloc(3)
    const protocol = new BufferedRecorder(() => buffer)
    const { remote, transport } = await connected(protocol)
    remote.write("abcdefg")
    await protocol.received(7)
    expect(protocol.data.toString()).toBe("abcdefg")
    expect(protocol.sizes).toEqual([3, 3, 1])
    remote.end()
    await protocol.recording.heard("lost")
    expect(protocol.error).toBeNull()
    expect(transport.isClosing()).toBe(true)
  })

  it("gets all at once in a buffer that is larger, and a size hint", async () => {
    const hints: number[] = []
    const protocol = new BufferedRecorder((sizeHint) => {
      hints.push(sizeHint)
      return new Uint8Array(1_000_000)
    })
    const { remote } = await connected(protocol)
    remote.end(BIG)
    await protocol.recording.heard("lost")
    expect(protocol.data.equals(BIG)).toBe(true)
    expect(hints).toEqual(protocol.sizes)
  })

  it.each([
    ["an empty buffer", () => Buffer.alloc(0), "getBuffer() returned an empty buffer"],
    ["no buffer", () => null, "getBuffer() must return a Uint8Array"],
    ["a string", () => "text", "getBuffer() must return a Uint8Array"],
  ])("is lost for its own error when it returns %s", async (_what, makeBuffer, message) => {
    const protocol = new BufferedRecorder(makeBuffer as () => Uint8Array)
    const { remote, reports } = await connected(protocol)
    remote.write("x")
    await protocol.recording.heard("lost")
    expect(protocol.error?.message).toBe(message)
    expect(reports.map(({ error }) => error)).toEqual([protocol.error])
    expect(protocol.filled).toEqual([])
  })

  it("is not filled any more once it paused, in the middle of what has come", async () => {
    const protocol = new BufferedRecorder(
      () => Buffer.alloc(3),
      () => protocol.transport?.pauseReading(),
    )
    const { client, transport, remote } = await connected(protocol)
    remote.end("abcdefg")
    await protocol.received(3)
    await barrier(client)
    expect(protocol.sizes).toEqual([3])
    transport.resumeReading()
    await protocol.received(6)
    transport.resumeReading()
    await protocol.received(7)
    transport.resumeReading()
    await protocol.recording.heard("lost")
    expect(protocol.data.toString()).toBe("abcdefg")
  })

  it("is not filled any more once it closed, in the middle of what has come", async () => {
    const protocol = new BufferedRecorder(
      () => Buffer.alloc(3),
      () => protocol.transport?.close(),
    )
    const { remote } = await connected(protocol)
    remote.write("abcdefg")
    await protocol.recording.heard("lost")
    expect(protocol.sizes).toEqual([3])
  })
})

describe("setProtocol", () => {
  it("gives what is in flight to the new protocol, without any other callback", async () => {
    const second = new Recorder()
    const first = new Recorder({ dataReceived: () => first.transport?.setProtocol(second) })
    const { transport, remote } = await connected(first)
    // The new one has heard no connectionMade, and will not: its own grammar starts in the middle.
    second.recording.hear("made")
    remote.end(BIG)
    await second.recording.heard("lost")
    expect(transport.getProtocol()).toBe(second)
    expect(first.recording.events).toEqual(["made", "data"])
    expect(Buffer.concat([first.data, second.data]).equals(BIG)).toBe(true)
  })

  it("changes from a buffered protocol to a streaming one in the middle of a chunk, and back", async () => {
    const stream = new Recorder()
    const buffered = new BufferedRecorder(
      () => Buffer.alloc(3),
      () => buffered.transport?.setProtocol(stream),
    )
    const { transport, remote } = await connected(buffered)
    stream.recording.hear("made")
    remote.write("abcdefg")
    await stream.received(4)
    expect(buffered.data.toString() + stream.data.toString()).toBe("abcdefg")
    transport.setProtocol(buffered)
    remote.write("hij")
    await buffered.received(6)
    expect(buffered.data.toString()).toBe("abchij")
  })

  it("gives what is held by a pause to the new protocol", async () => {
    const first = new Recorder()
    const second = new Recorder()
    const { client, transport, remote } = await connected(first)
    transport.pauseReading()
    remote.write("held")
    await barrier(client)
    second.recording.hear("made")
    transport.setProtocol(second)
    transport.resumeReading()
    await second.received(4)
    expect(first.bytes).toBe(0)
  })
})
