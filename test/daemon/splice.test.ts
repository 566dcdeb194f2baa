/** Two transports joined inside the daemon: every byte, the brake, both ends in both directions, whoever owns them. */
import { once } from "node:events"
import type { Socket } from "node:net"
import { describe, expect, test } from "vitest"
import { errorName } from "../../protocol/errors.ts"
import type { Notification, RawClient } from "../support/client.ts"
import { listenPeer, Recorder, Spewer } from "../support/peers.ts"
import { cat, shell } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup } from "../support/setup.ts"
import { listenTls, trusting } from "../support/tls.ts"

const harness = setup()

interface End {
  readonly transport: number
  /** The remote's. */
  readonly socket: Socket
}

async function dial(client: RawClient, options: object = {}): Promise<End> {
  const peer = await listenPeer(harness)
  const params = { host: peer.host, port: peer.port, options }
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
  return { transport, socket: await peer.accepted() }
}

async function two(options: object = {}, flowControl = true): Promise<[RawClient, End, End]> {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl })
  return [client, await dial(client, options), await dial(client, options)]
}

function spliced(client: RawClient, from: number): Promise<Notification["params"]> {
  const found = (): Notification | undefined =>
    client.notifications.find(({ method, params }) => method === "transport/spliced" && params.from === from)
  return client.until(found, `spliced of ${from}`).then(({ params }) => params)
}

async function join(client: RawClient, from: number, to: number, more: object = {}): Promise<void> {
  await client.request("transport/splice", { from, to, ...more })
}

for (const flowControl of [false, true]) {
  for (const onEof of ["close", "keep"]) {
    test(`both directions go through, ends included (flow control: ${flowControl}, onEof: ${onEof})`, async () => {
      const [client, one, other] = await two({ onEof }, flowControl)
      const there = pattern(700_000)
      const back = pattern(300_001)
      const [atOne, atOther] = [new Recorder(one.socket), new Recorder(other.socket)]
      await join(client, one.transport, other.transport, { both: true })
      one.socket.end(there)
      await atOther.until(there.length)
      await atOther.over
      expect(atOne.ended).toBe(false)
      other.socket.end(back)
      await atOne.over

      expect(atOther.data.equals(there)).toBe(true)
      expect(atOne.data.equals(back)).toBe(true)
      const { transport: a } = one
      const { transport: b } = other
      expect(await spliced(client, a)).toEqual({ from: a, to: b, bytes: there.length, error: null })
      expect(await spliced(client, b)).toEqual({ from: b, to: a, bytes: back.length, error: null })
      for (const id of [a, b]) {
        expect((await client.lost(id)).params.error).toBeNull()
        expect(client.callbacks(id)).toEqual(["connectionMade", "eofReceived", "connectionLost"])
      }
    })
  }
}

test("what the client has is the client's, and what it wrote before goes first", async () => {
  const [client, one, other] = await two()
  one.socket.write("head ")
  await client.until(() => client.count(one.transport) === 5)
  const recorder = new Recorder(other.socket)
  client.notify("transport/write", { transport: other.transport, data: Buffer.from("written ") })
  await join(client, one.transport, other.transport)
  one.socket.end("body")
  await recorder.over
  expect(client.data(one.transport).toString()).toBe("head ")
  expect(recorder.data.toString()).toBe("written body")
})

test("what came and was not sent, since the client had paused, goes through", async () => {
  const [client, one, other] = await two({ paused: true })
  const recorder = new Recorder(other.socket)
  one.socket.end("all of it")
  await join(client, one.transport, other.transport)
  await recorder.over
  expect(recorder.data.toString()).toBe("all of it")
  await spliced(client, one.transport)
  expect(client.callbacks(one.transport)).toEqual(["connectionMade"])
  await client.request("transport/resumeReading", { transport: one.transport })
  await client.lost(one.transport)
})

test("a remote that does not read stops the other one, with a bounded number of bytes in between", async () => {
  const [client, one, other] = await two()
  await join(client, one.transport, other.transport, { both: true })
  const spewer = new Spewer(one.socket)
  let before = -1
  for (let same = 0; same < 50; same = spewer.takenBytes === before ? same + 1 : 0) {
    before = spewer.takenBytes
    await client.barrier()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { channels } = await client.request<{ channels: Array<{ retained: { from: number; to: number } }> }>(
    "transport/describe",
    { transport: one.transport },
  )
  const [{ retained } = { retained: { from: 0, to: 0 } }] = channels
  expect(retained.to - retained.from).toBeLessThanOrEqual(256 * 1024)

  spewer.stop()
  const recorder = new Recorder(other.socket)
  one.socket.end()
  await recorder.over
  expect(recorder.bytes).toBe(spewer.sentBytes)
})

test("observers see what goes through", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  const observer = await connect({ flowControl: true })
  const [one, other] = [await dial(client), await dial(client)]
  await observer.request("transport/attach", { transport: one.transport, role: "observer" })
  await join(client, one.transport, other.transport)
  const recorder = new Recorder(other.socket)
  const bytes = pattern(200_000)
  one.socket.end(bytes)
  await recorder.over
  await observer.lost(one.transport)
  expect(observer.data(one.transport).equals(bytes)).toBe(true)
  expect(client.count(one.transport)).toBe(0)
})

describe("what ends the one ends the other", () => {
  test("a reset aborts it, and both say why", async () => {
    const [client, one, other] = await two()
    await join(client, one.transport, other.transport, { both: true })
    one.socket.resetAndDestroy()
    const { error } = await spliced(client, one.transport)
    expect(errorName((error as { code: number }).code)).toBe("TransportBroken")
    await client.lost(one.transport)
    expect((await client.lost(other.transport)).params.error).toBeNull()
    await new Recorder(other.socket).over
  })

  test("a close of either by the client closes the other", async () => {
    for (const which of [0, 1] as const) {
      const [client, ...ends] = await two()
      const [one, other] = ends
      await join(client, one.transport, other.transport, { both: true })
      await client.request("transport/close", { transport: ends[which].transport })
      for (const { transport } of ends) expect((await client.lost(transport)).params.error).toBeNull()
    }
  })

  test("a sink that is lost closes its source, in one direction too", async () => {
    const [client, one, other] = await two()
    await join(client, one.transport, other.transport)
    other.socket.resetAndDestroy()
    const { error } = await spliced(client, one.transport)
    expect(errorName((error as { code: number }).code)).toBe("TransportBroken")
    await client.lost(one.transport)
  })

  test("a TLS session, which has no half-close, is closed", async () => {
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const one = await dial(client)
    const peer = await listenTls(harness)
    const params = { host: "localhost", port: peer.port, tls: trusting, serverHostname: "localhost" }
    const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
    const session = await peer.accepted()
    await join(client, one.transport, transport, { both: true })
    one.socket.end("to the end")
    const chunks: Buffer[] = []
    session.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => session.end())
    await once(session, "end")
    expect(Buffer.concat(chunks).toString()).toBe("to the end")
    await client.lost(transport)
    await client.lost(one.transport)
  })
})

test("one transport may be joined to itself", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const { transport, socket } = await dial(client)
  await join(client, transport, transport)
  const recorder = new Recorder(socket)
  const bytes = pattern(400_000)
  socket.end(bytes)
  await recorder.over
  expect(recorder.data.equals(bytes)).toBe(true)
  await client.lost(transport)
})

test("the pipes of a process can be joined to a connection", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  const { transport, socket } = await dial(client)
  const { pipes, ...child } = await client.request<{ transport: number; pipes: Record<string, number> }>(
    "loop/subprocessExec",
    cat,
  )
  await join(client, transport, pipes["0"] as number)
  await join(client, pipes["1"] as number, transport)
  const recorder = new Recorder(socket)
  const bytes = pattern(300_000)
  socket.end(bytes)
  await recorder.over
  expect(recorder.data.equals(bytes)).toBe(true)
  await client.lost(child.transport)
  await client.lost(transport)
})

test("what has ended already gives what it has left, and its end", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const recorderOf = await dial(client)
  const options = { paused: true }
  const { transport, pipes } = await client.request<{ transport: number; pipes: Record<string, number> }>(
    "loop/subprocessExec",
    { ...shell("echo said; exit 3"), options },
  )
  await client.callback(transport, "processExited")
  await join(client, pipes["1"] as number, recorderOf.transport)
  const recorder = new Recorder(recorderOf.socket)
  await recorder.over
  expect(recorder.data.toString()).toBe("said\n")
})

describe("with lifetime daemon", () => {
  test("it goes on when the client leaves, and ends both when the remotes do", async () => {
    const { connect, daemon } = await harness.startDaemon()
    const client = await connect({ flowControl: true })
    const [one, other] = [
      await dial(client, { lifetime: "daemon", name: "one" }),
      await dial(client, { lifetime: "daemon", name: "other" }),
    ]
    const [atOne, atOther] = [new Recorder(one.socket), new Recorder(other.socket)]
    await join(client, one.transport, other.transport, { both: true })
    one.socket.write("before ")
    await atOther.until(7)
    client.destroy()
    await client.closed
    one.socket.end("after")
    await atOther.over
    other.socket.end("answer")
    await atOne.over
    expect(atOther.data.toString()).toBe("before after")
    expect(atOne.data.toString()).toBe("answer")

    const late = await connect()
    const states = async (): Promise<string[]> =>
      (await late.request<{ transports: Array<{ state: string }> }>("transport/list")).transports.map(
        ({ state }) => state,
      )
    while ((await states()).some((state) => state !== "ended")) await late.barrier()
    expect([...daemon.table.holdings()].length).toBe(2)
  })

  test("an owner that comes meanwhile hears nothing of it until it ends, and then the end", async () => {
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const [one, other] = [await dial(client, { lifetime: "daemon" }), await dial(client, { lifetime: "daemon" })]
    await join(client, one.transport, other.transport, { both: true })
    const recorder = new Recorder(other.socket)
    const thief = await connect({ flowControl: true })
    await thief.request("transport/attach", { transport: one.transport, since: "start", steal: true })
    one.socket.write("through")
    await recorder.until(7)
    expect((await thief.failure("transport/write", { transport: one.transport, data: "" })).code).toBe(1104)
    one.socket.end()
    other.socket.end()
    await thief.lost(one.transport)
    expect(thief.count(one.transport)).toBe(0)
    await client.lost(other.transport)
  })
})

describe("what cannot be", () => {
  test("a write to what is spliced is TransportBusy, and as a notification dropped", async () => {
    const [client, one, other] = await two()
    const recorder = new Recorder(other.socket)
    await join(client, one.transport, other.transport)
    const data = Buffer.from("intruder").toString("base64")
    client.notify("transport/write", { transport: other.transport, data })
    const { transport } = other
    for (const [method, params] of [
      ["transport/write", { transport, data }],
      ["transport/writelines", { transport, data: [data] }],
      ["transport/writeEof", { transport }],
      ["transport/splice", { from: transport, to: transport }],
      ["loop/startTls", { transport, tls: true, serverHostname: "localhost" }],
    ] as const) {
      const { code, data: details } = await client.failure(method, params)
      expect([method, errorName(code), details]).toEqual([method, "TransportBusy", { operation: "splice" }])
    }
    one.socket.end("the source's")
    await recorder.over
    expect(recorder.data.toString()).toBe("the source's")
  })

  test("whatever is refused changes nothing", async () => {
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const stranger = await connect()
    const [one, other] = [await dial(client), await dial(client)]
    const closed = await dial(client)
    await client.request("transport/writeEof", { transport: closed.transport })
    const endpoint = await client.request<{ transport: number }>("loop/createDatagramEndpoint", {
      localAddr: { host: "127.0.0.1", port: 0 },
    })
    const child = await client.request<{ transport: number; pipes: Record<string, number> }>("loop/subprocessExec", cat)
    const a = one.transport
    const failures = [
      [client, { from: a, to: 4711 }, "UnknownTransport"],
      [stranger, { from: a, to: other.transport }, "NotOwner"],
      [client, { from: a, to: endpoint.transport }, "NotSupported"],
      [client, { from: a, to: child.transport }, "NotSupported"],
      [client, { from: a, to: child.pipes["1"] }, "NotSupported"],
      [client, { from: child.pipes["0"], to: a }, "NotSupported"],
      [client, { from: a, to: closed.transport }, "TransportClosed"],
      [client, { from: a, to: a, both: true }, "TransportBusy"],
      [client, { from: a, to: closed.transport, both: true }, "TransportClosed"],
    ] as const
    for (const [who, params, name] of failures) {
      expect([params, errorName((await who.failure("transport/splice", params)).code)]).toEqual([params, name])
    }
    await join(client, a, other.transport, { both: true })
    const recorder = new Recorder(other.socket)
    one.socket.end("works")
    await recorder.over
    expect(recorder.data.toString()).toBe("works")
    other.socket.end()
    await client.lost(a)
  })
})
