/** Streaming protocols: data, its order, and the end of file. */
import { createHash } from "node:crypto"
import { expect } from "vitest"
import type { StreamProtocol } from "transportd/client"
import { barrier, BufferedRecorder, Recorder } from "../client/library.ts"
import { Recorder as RemoteRecorder, visit } from "../support/peers.ts"
import { folder } from "../support/pipes.ts"
import { pattern } from "../support/random.ts"
import { HALF_CLOSING, READABLE, setupKinds, STREAMS, WRITABLE } from "./kinds.ts"
import { proves, provesFor } from "./rows.ts"

const harness = setupKinds()
const { connected, reading, startLibrary, writing } = harness

const BIG = pattern(4 * 1024 * 1024)

proves("SP-1", "every method for streams takes a Protocol as well as a BufferedProtocol", async () => {
  const makers: ReadonlyArray<() => Recorder | BufferedRecorder> = [
    () => new Recorder(),
    () => new BufferedRecorder(() => Buffer.alloc(100)),
  ]
  for (const make of makers) {
    for (const kind of READABLE) {
      const { protocol, remote } = await reading(kind, make() as StreamProtocol & (Recorder | BufferedRecorder))
      remote.end(`from ${kind}`)
      remote.resume()
      await protocol.recording.heard("lost")
      expect(protocol.data.toString()).toBe(`from ${kind}`)
    }
    for (const kind of WRITABLE) {
      const { transport, protocol } = await writing(kind, make() as StreamProtocol & (Recorder | BufferedRecorder))
      transport.abort()
      await protocol.recording.heard("lost")
    }
    const { client } = await startLibrary()
    const accepted = make()
    const server = await client.loop.createServer(() => accepted as StreamProtocol, { host: "127.0.0.1", port: 0 })
    const visitor = await visit(harness, (server.sockets[0] as { port: number }).port)
    visitor.end("to a server")
    await accepted.recording.heard("lost")
    expect(accepted.data.toString()).toBe("to a server")

    const path = `${await folder(harness)}/socket`
    const served = make()
    await client.loop.createUnixServer(() => served as StreamProtocol, { path })
    const [dialled] = await client.loop.createUnixConnection(() => new Recorder(), { path })
    dialled.write(Buffer.from("to a Unix server"))
    dialled.close()
    await served.recording.heard("lost")
    expect(served.data.toString()).toBe("to a Unix server")
  }
})

provesFor("SP-2", READABLE, "dataReceived gets Buffers, never empty ones", async (kind) => {
  const { protocol, remote } = await reading(kind, new Recorder())
  for (let count = 0; count < 100; count++) {
    remote.write("")
    remote.write("x")
  }
  remote.end()
  remote.resume()
  await protocol.lost()
  expect(protocol.data.toString()).toBe("x".repeat(100))
  expect(protocol.chunks.every((chunk) => Buffer.isBuffer(chunk) && chunk.length > 0)).toBe(true)
})

provesFor("SP-3", READABLE, "chunks join to what was sent, wherever they are cut", async (kind) => {
  const { protocol, remote } = await reading(kind, new Recorder())
  const text = Buffer.from("größer → 𝄞 ".repeat(1_000))
  // Every cut in the middle of a character is met.
  for (const byte of text.subarray(0, 200)) remote.write(Buffer.of(byte))
  remote.end(text.subarray(200))
  remote.resume()
  await protocol.lost()
  expect(protocol.data.equals(text)).toBe(true)
})

provesFor("SP-4", STREAMS, "16 MiB come in order, with pauses between", async (kind) => {
  const hash = createHash("sha256")
  let pauses = 0
  const protocol: Recorder = new Recorder({
    dataReceived: (data) => {
      hash.update(data)
      if (++pauses % 50 !== 0) return
      protocol.transport?.pauseReading()
      setImmediate(() => protocol.transport?.resumeReading())
    },
  })
  const { remote } = await connected(kind, protocol)
  const expected = createHash("sha256")
  for (let count = 0; count < 4; count++) {
    remote.write(BIG)
    expected.update(BIG)
  }
  remote.end()
  remote.resume()
  expect(await protocol.lost()).toBeNull()
  expect(hash.digest("hex")).toBe(expected.digest("hex"))
})

provesFor("SP-5", READABLE, "dataReceived is not called at all when nothing is sent", async (kind) => {
  const { protocol, remote } = await reading(kind, new Recorder())
  remote.end()
  remote.resume()
  await protocol.lost()
  expect(protocol.recording.events).toEqual(["made", "eof", "lost"])
})

provesFor("SP-6", HALF_CLOSING, "eofReceived comes once, whatever is done behind it", async (kind) => {
  const { client, transport, protocol, remote } = await connected(kind, new Recorder({ eofReceived: () => true }))
  remote.end()
  await protocol.recording.heard("eof")
  for (let count = 0; count < 3; count++) {
    transport.pauseReading()
    transport.resumeReading()
    await barrier(client)
  }
  transport.writeEof()
  await barrier(client)
  expect(protocol.recording.count("eof")).toBe(1)
  transport.close()
  await protocol.lost()
  expect(protocol.recording.events).toEqual(["made", "eof", "lost"])
})

provesFor(
  "SP-7",
  READABLE,
  "data and end in one segment are data first, then eofReceived, then no data",
  async (kind) => {
    const { protocol, remote } = await reading(kind, new Recorder())
    remote.end("last words")
    remote.resume()
    await protocol.lost()
    expect(protocol.data.toString()).toBe("last words")
    const { events } = protocol.recording
    expect(events.lastIndexOf("data")).toBe(events.indexOf("eof") - 1)
  },
)

proves("SP-8", "eofReceived is for the remote's end: not for a reset, a close or an abort of our own", async () => {
  const ended = await connected("tcp", new Recorder({ eofReceived: () => true }))
  ended.remote.end()
  await ended.protocol.recording.heard("eof")
  expect(ended.protocol.recording.events).toEqual(["made", "eof"])

  const reset = await connected("tcp", new Recorder())
  reset.remote.resetAndDestroy()
  expect(await reset.protocol.lost()).toMatchObject({ name: "TransportBroken", errno: "ECONNRESET" })
  for (const end of ["close", "abort"] as const) {
    const { transport, protocol } = await connected("tcp", new Recorder())
    transport[end]()
    await protocol.lost()
    expect(protocol.recording.events).toEqual(["made", "lost"])
  }
  expect(reset.protocol.recording.events).toEqual(["made", "lost"])
})

provesFor(
  "SP-9",
  HALF_CLOSING,
  "false, null, 0, '' and nothing close, behind what is still to be sent",
  async (kind) => {
    for (const answer of [false, null, 0, "", undefined]) {
      const protocol: Recorder = new Recorder({
        eofReceived: () => {
          protocol.transport?.write(BIG)
          return answer
        },
      })
      const { remote } = await connected(kind, protocol)
      const got = new RemoteRecorder(remote)
      remote.end()
      expect(await protocol.lost()).toBeNull()
      await got.over
      expect(got.data.equals(BIG)).toBe(true)
    }
  },
)

provesFor("SP-10", HALF_CLOSING, "a true answer leaves it open for writing until the protocol closes", async (kind) => {
  const { client, transport, protocol, remote } = await connected(kind, new Recorder({ eofReceived: () => 1 }))
  const got = new RemoteRecorder(remote)
  remote.end()
  await protocol.recording.heard("eof")
  for (let count = 0; count < 10; count++) await barrier(client)
  expect(transport.isClosing()).toBe(false)
  transport.write(Buffer.from("much later"))
  await got.until(10)
  expect(protocol.recording.count("lost")).toBe(0)
  transport.close()
  expect(await protocol.lost()).toBeNull()
})

provesFor("SP-11", STREAMS, "a protocol without eofReceived is closed at the end of file", async (kind) => {
  let lost = (_error: Error | null): void => {}
  const over = new Promise<Error | null>((resolve) => (lost = resolve))
  const { transport, remote } = await connected(kind, { connectionLost: (error) => lost(error) })
  const got = new RemoteRecorder(remote)
  remote.end()
  expect(await over).toBeNull()
  await got.over
  expect(transport.isClosing()).toBe(true)
})

proves("SP-12", "TLS and read pipes close in spite of a true answer", async () => {
  for (const kind of ["tls", "pipe"] as const) {
    const { protocol, remote } = await reading(kind, new Recorder({ eofReceived: () => true }))
    remote.end()
    remote.resume()
    expect(await protocol.lost()).toBeNull()
    expect(protocol.recording.events).toEqual(["made", "eof", "lost"])
  }
})

provesFor("SP-13", STREAMS, "the callbacks are made, data, eof, lost in that order", async (kind) => {
  const { protocol, remote } = await connected(kind, new Recorder())
  remote.write(BIG.subarray(0, 1_000_000))
  remote.end()
  remote.resume()
  await protocol.lost()
  expect(protocol.recording.events.join(" ")).toMatch(/^made( data)+ eof lost$/)
})
