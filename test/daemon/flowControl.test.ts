/**
 * Nobody is given more than they asked for: the daemon stops reading what its client does not consume, a client keeps
 * to its window, water marks are strict, and bulk data does not stand in the way of anything else.
 */
import { describe, expect, test } from "vitest"
import type { Socket } from "node:net"
import type { RawClient } from "../support/client.ts"
import { echo, listenPeer, Recorder, Spewer } from "../support/peers.ts"
import { spew } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup, type ConnectOptions } from "../support/setup.ts"

const harness = setup()
const WINDOW_BYTES = 262_144

interface Connected {
  readonly client: RawClient
  readonly transport: number
  readonly socket: Socket
}

async function connected(how: ConnectOptions, options: object = {}, socket = false): Promise<Connected> {
  const { connect } = await harness.startDaemon({ socket })
  const client = await connect(how)
  return { client, ...(await dial(client, options)) }
}

async function dial(client: RawClient, options: object = {}): Promise<{ transport: number; socket: Socket }> {
  const peer = await listenPeer(harness)
  const params = { host: peer.host, port: peer.port, options }
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
  return { transport, socket: await peer.accepted() }
}

/**
 * Waits until `count` has not changed over many round trips, each of which lets the loop read all that there is.
 * Gives the count: it was asked of the daemon, and the sender had every chance to send more.
 */
async function settled(client: RawClient, count: () => number): Promise<number> {
  let same = 0
  for (let last = -1; same < 50;) {
    await client.barrier()
    await new Promise((resolve) => setImmediate(resolve))
    same = count() === last ? same + 1 : 0
    last = count()
  }
  return count()
}

describe("from the remote to a client with flow control", () => {
  test("no more than the window is sent ahead of what was consumed, and the remote is stopped", async () => {
    const { client, transport, socket } = await connected({ flowControl: true })
    client.consumes = false
    const spewer = new Spewer(socket)
    await client.until(() => client.count(transport) === WINDOW_BYTES)
    const taken = await settled(client, () => spewer.takenBytes)
    expect(client.count(transport)).toBe(WINDOW_BYTES)

    client.notify("transport/consumed", { transport, offset: 100_000 })
    await client.until(() => client.count(transport) === WINDOW_BYTES + 100_000)
    expect(await settled(client, () => client.count(transport))).toBe(WINDOW_BYTES + 100_000)
    expect(spewer.takenBytes).toBeGreaterThanOrEqual(taken)
    spewer.stop()
  })

  test("a report that is late, repeated, or beyond what was sent does no harm", async () => {
    const { client, transport, socket } = await connected({ flowControl: true }, { readWindowBytes: 1000 })
    client.consumes = false
    const spewer = new Spewer(socket)
    await client.until(() => client.count(transport) === 1000)
    for (const offset of [500, 500, 100, 0]) client.notify("transport/consumed", { transport, offset })
    expect(await settled(client, () => client.count(transport))).toBe(1500)
    client.notify("transport/consumed", { transport, offset: 1e12 })
    expect(await settled(client, () => client.count(transport))).toBe(2500)
    spewer.stop()
  })

  test("a window that grows takes effect at once, and one that shrinks holds back", async () => {
    const { client, transport, socket } = await connected({ flowControl: true }, { readWindowBytes: 1000 })
    client.consumes = false
    const spewer = new Spewer(socket)
    expect(await settled(client, () => client.count(transport))).toBe(1000)
    await client.request("transport/configure", { transport, readWindowBytes: 5000 })
    expect(await settled(client, () => client.count(transport))).toBe(5000)
    await client.request("transport/configure", { transport, readWindowBytes: 10 })
    client.notify("transport/consumed", { transport, offset: 4000 })
    expect(await settled(client, () => client.count(transport))).toBe(5000)
    client.notify("transport/consumed", { transport, offset: 5000 })
    expect(await settled(client, () => client.count(transport))).toBe(5010)
    spewer.stop()
  })

  test("all bytes arrive in order through a window of one byte", async () => {
    const { client, transport, socket } = await connected({ flowControl: true }, { readWindowBytes: 1 })
    const bytes = pattern(300)
    socket.end(bytes)
    await client.lost(transport)
    expect(client.data(transport).equals(bytes)).toBe(true)
  })

  test("the end waits behind bytes that were not consumed", async () => {
    const { client, transport, socket } = await connected({ flowControl: true }, { readWindowBytes: 10 })
    client.consumes = false
    socket.end(Buffer.alloc(25))
    expect(await settled(client, () => client.count(transport))).toBe(10)
    expect(client.callbacks(transport)).not.toContain("eofReceived")
    client.notify("transport/consumed", { transport, offset: 10 })
    await client.until(() => client.count(transport) === 20)
    client.notify("transport/consumed", { transport, offset: 20 })
    await client.lost(transport)
    expect(client.count(transport)).toBe(25)
    expect(client.callbacks(transport).slice(-2)).toEqual(["eofReceived", "connectionLost"])
  })

  test("a pipe of a process has a window of its own", async () => {
    const { connect } = await harness.startDaemon()
    const client = await connect({ flowControl: true })
    client.consumes = false
    const { transport } = await client.request<{ transport: number }>("loop/subprocessExec", spew)
    await client.until(() => client.count(transport, 1) === WINDOW_BYTES)
    expect(await settled(client, () => client.count(transport, 1))).toBe(WINDOW_BYTES)
  })
})

describe("from the remote to a client without flow control", () => {
  test("a client that does not read stops the remote, and gets everything once it reads", async () => {
    const { client, transport, socket } = await connected({}, {}, true)
    client.stall()
    const spewer = new Spewer(socket, pattern(65_536))
    const { connect } = await harness.startDaemon()
    const other = await connect()
    const taken = await settled(other, () => spewer.takenBytes)
    // What the system and the daemon hold between the two, and no more than that.
    expect(taken).toBeLessThan(64 * 1024 * 1024)
    spewer.stop()
    socket.end()
    client.resume()
    await client.lost(transport)
    expect(client.count(transport)).toBe(spewer.sentBytes)
  })
})

describe("from a client with flow control to the remote", () => {
  test("the daemon reports what was flushed until all of it is", async () => {
    const { client, transport, socket } = await connected({ flowControl: true })
    const recorder = new Recorder(socket)
    const bytes = pattern(1_000_000)
    client.notify("transport/write", { transport, data: bytes })
    const flushed = (): number => Math.max(0, ...client.of(transport).map(({ params }) => Number(params.offset ?? 0)))
    await client.until(() => flushed() === bytes.length)
    await recorder.until(bytes.length)
    expect(recorder.data.equals(bytes)).toBe(true)
    expect(client.callbacks(transport)).not.toContain("pauseWriting")
  })

  test("what an abort drops is never said to be flushed", async () => {
    // A socket, which brings both in one piece: the end comes in the turn of the write.
    const { connect } = await harness.startDaemon({ socket: true })
    const client = await connect({ flowControl: true })
    for (let round = 0; round < 5; round++) {
      const { transport, socket } = await dial(client)
      const recorder = new Recorder(socket)
      client.notify("transport/write", { transport, data: pattern(100) })
      client.notify("transport/abort", { transport })
      await client.lost(transport)
      await recorder.over
      const flushed = client.of(transport).filter(({ method }) => method === "transport/flushed")
      for (const { params } of flushed) expect(params.offset).toBeLessThanOrEqual(recorder.data.length)
    }
  })

  test("what could not be written is never said to be flushed, and a paused client hears of it", async () => {
    const { client, transport, socket } = await connected({ flowControl: true }, { paused: true })
    socket.resetAndDestroy()
    await new Promise((resolve) => socket.once("close", resolve))
    client.notify("transport/write", { transport, data: pattern(100) })
    expect((await client.lost(transport)).params.error).toMatchObject({ data: { syscall: "write" } })
    expect(client.of(transport).map(({ method }) => method)).not.toContain("transport/flushed")
  })

  test("a whole window may be unflushed, and each report makes room for as much", async () => {
    const { client, transport, socket } = await connected({ flowControl: true })
    const flushed = (): number => Math.max(0, ...client.of(transport).map(({ params }) => Number(params.offset ?? 0)))
    let written = 0
    for (let round = 0; round < 20; round++) {
      const room = flushed() + 1_048_576 - written
      if (room > 0) client.notify("transport/write", { transport, data: Buffer.alloc(room) })
      written += room
      await client.barrier()
    }
    expect(client.callbacks(transport)).not.toContain("connectionLost")
    new Recorder(socket)
    await client.until(() => flushed() === written)
  })
})

describe("from a client without flow control to the remote", () => {
  const paused = (client: RawClient, transport: number): string[] =>
    client.callbacks(transport).filter((name) => name.endsWith("Writing"))
  const size = (client: RawClient, transport: number): Promise<number> =>
    client.request<number>("transport/getWriteBufferSize", { transport })

  /** Writes until the system takes no more: from then on each byte stays in the buffer. */
  async function fill(client: RawClient, transport: number): Promise<number> {
    client.notify("transport/write", { transport, data: Buffer.alloc(16_000_000) })
    let last = -1
    await client.request("transport/setWriteBufferLimits", { transport, highBytes: 100_000_000, lowBytes: 0 })
    await settled(client, () => last)
    for (let same = 0; same < 20;) {
      const now = await size(client, transport)
      same = now === last ? same + 1 : 0
      last = now
    }
    return last
  }

  test("exactly the high mark is silence, and one byte over it is one pause", async () => {
    const { client, transport } = await connected({})
    const buffered = await fill(client, transport)
    const before = paused(client, transport)
    await client.request("transport/setWriteBufferLimits", { transport, highBytes: buffered + 10, lowBytes: 0 })
    client.notify("transport/write", { transport, data: Buffer.alloc(10) })
    await client.barrier()
    const resumedByLimits = paused(client, transport)
    // The first filling may have paused; raising the marks then resumes at once or with the next drain.
    if (before.length === 0) expect(resumedByLimits).toEqual([])
    client.notify("transport/write", { transport, data: Buffer.alloc(1) })
    client.notify("transport/write", { transport, data: Buffer.alloc(1000) })
    await client.barrier()
    expect(paused(client, transport).at(-1)).toBe("pauseWriting")
    expect(await size(client, transport)).toBe(buffered + 1011)
  })

  test("lowering the high mark under the size pauses at once, and draining to the low mark resumes once", async () => {
    const { client, transport, socket } = await connected({}, { writeBufferLimits: { highBytes: 100_000_000 } })
    const buffered = await fill(client, transport)
    expect(paused(client, transport)).toEqual([])
    await client.request("transport/setWriteBufferLimits", { transport, highBytes: buffered - 1, lowBytes: 0 })
    expect(paused(client, transport)).toEqual(["pauseWriting"])
    await client.request("transport/setWriteBufferLimits", { transport, highBytes: buffered - 2, lowBytes: 0 })
    expect(paused(client, transport)).toEqual(["pauseWriting"])
    const recorder = new Recorder(socket)
    await client.callback(transport, "resumeWriting")
    expect(await size(client, transport)).toBe(0)
    await recorder.until(16_000_000)
    expect(paused(client, transport)).toEqual(["pauseWriting", "resumeWriting"])
  })

  test("a mark of zero pauses at the first byte that is not taken at once", async () => {
    const { client, transport, socket } = await connected({}, { writeBufferLimits: { highBytes: 0 } })
    expect(await client.request("transport/getWriteBufferLimits", { transport })).toEqual({ highBytes: 0, lowBytes: 0 })
    expect(paused(client, transport)).toEqual([])
    client.notify("transport/write", { transport, data: Buffer.alloc(16_000_000) })
    await client.callback(transport, "pauseWriting")
    new Recorder(socket)
    await client.callback(transport, "resumeWriting")
  })

  test("past its whole budget a client is not read, and goes on when the remote reads", async () => {
    const { client, transport, socket } = await connected({})
    const chunk = Buffer.alloc(1_000_000)
    for (let at = 0; at < 80; at++) client.notify("transport/write", { transport, data: chunk })
    const answer = client.ask("test/barrier")
    const recorder = new Recorder(socket)
    await answer
    await recorder.until(80_000_000)
  })
})

describe("fairness", () => {
  test.each([true, false])("answers and small transports pass bulk data (flow control: %s)", async (flowControl) => {
    const { client, transport: bulk, socket } = await connected({ flowControl }, { readWindowBytes: 64 * 1024 * 1024 })
    const small = await dial(client)
    echo(small.socket)
    const spewer = new Spewer(socket)
    const gaps: number[] = []
    for (let round = 0; round < 20; round++) {
      const before = client.count(bulk)
      await client.request("daemon/info")
      const asked = client.count(bulk)
      client.notify("transport/write", { transport: small.transport, data: Buffer.from("x") })
      await client.until(() => client.count(small.transport) === round + 1)
      gaps.push(asked - before, client.count(bulk) - asked)
    }
    spewer.stop()
    // A bound on what may stand before an answer, in bytes: the outbox, the wire's own buffers and a few chunks.
    expect(Math.max(...gaps)).toBeLessThan(8 * 1024 * 1024)
    await client.request("transport/abort", { transport: bulk })
    await client.lost(bulk)
  })

  test("several bulk transports take turns", async () => {
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const spewers: Spewer[] = []
    const ids: number[] = []
    for (let at = 0; at < 4; at++) {
      const { transport, socket } = await dial(client)
      ids.push(transport)
      spewers.push(new Spewer(socket))
    }
    await client.until(() => ids.every((id) => client.count(id) > 1_000_000))
    for (const spewer of spewers) spewer.stop()
    const most = Math.max(...ids.map((id) => client.count(id)))
    const least = Math.min(...ids.map((id) => client.count(id)))
    expect(most / least).toBeLessThan(10)
    for (const transport of ids) client.notify("transport/abort", { transport })
    for (const transport of ids) await client.lost(transport)
  })
})

describe("a paused transport whose remote is gone", () => {
  test("hears of it when it reads again, and what came before first", async () => {
    const { client, transport, socket } = await connected({ flowControl: true })
    socket.write("before")
    await client.until(() => client.count(transport) === 6)
    await client.request("transport/pauseReading", { transport })
    socket.resetAndDestroy()
    await settled(client, () => client.of(transport).length)
    expect(client.callbacks(transport)).toEqual(["connectionMade", "dataReceived"])
    await client.request("transport/resumeReading", { transport })
    const { error } = (await client.lost(transport)).params as { error: { code: number } }
    expect(error.code).toBe(1103)
  })

  test("hears of it at once when it writes", async () => {
    const { client, transport, socket } = await connected({ flowControl: true })
    await client.request("transport/pauseReading", { transport })
    socket.resetAndDestroy()
    // The first may still be taken by the system, which learns from it that nobody is there.
    while (!client.callbacks(transport).includes("connectionLost")) {
      await client.ask("transport/write", { transport, data: Buffer.from("x").toString("base64") })
    }
    const { error } = (await client.lost(transport)).params as { error: { code: number; data: object } }
    expect([error.code, error.data]).toEqual([1103, expect.objectContaining({ transport, syscall: "write" })])
  })
})
