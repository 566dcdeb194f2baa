/**
 * Too much of anything, and connections that are cut: a flood stalls its sender alone, and whatever was half said or
 * half done leaves nothing. What is asserted is who was answered, never how fast.
 */
import { expect, test } from "vitest"
import { byteMessage, encode, frame } from "../support/encode.ts"
import type { RawClient } from "../support/client.ts"
import { ask, expectUndisturbed, tell } from "../support/hostile.ts"
import { listenPeer, Recorder } from "../support/peers.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

/** Feeds `bytes` again and again, as fast as they are taken, until `stop`; counts what was handed over. */
function flood(client: RawClient, bytes: Buffer, most = Number.POSITIVE_INFINITY): { fed: number; stop(): void } {
  const state = { fed: 0, stopped: false, stop: () => void (state.stopped = true) }
  const feed = (): void => {
    while (!state.stopped && state.fed < most && client.stream.writable) {
      state.fed++
      if (!client.sendBytes(bytes)) return
    }
  }
  client.stream.on("drain", feed)
  feed()
  return state
}

test("100 000 notifications in a row are all taken, and the connection goes on", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  client.sendBytes(Buffer.concat(Array.from({ length: 100_000 }, () => tell("test/nothing"))))
  await client.barrier()
  expect(client.received).toHaveLength(2)
})

const floods: Array<[string, Buffer]> = [
  ["notifications", Buffer.concat(Array.from({ length: 500 }, () => tell("test/nothing")))],
  ["cancellations", Buffer.concat(Array.from({ length: 500 }, (_, id) => tell("$/cancelRequest", { id })))],
  ["bad JSON", Buffer.concat(Array.from({ length: 200 }, () => frame("{")))],
  ["requests", Buffer.concat(Array.from({ length: 200 }, (_, id) => ask(id, "transport/list", {})))],
  ["byte messages for nobody", byteMessage("transport/write", '{"transport":99}', Buffer.alloc(60_000))],
  ["huge bodies", frame(JSON.stringify({ jsonrpc: "2.0", method: "x", params: { text: "x".repeat(4_000_000) } }))],
]

test.each(floods)("while a flood of %s is fed, a quiet client is answered each time", async (_name, bytes) => {
  const { connect } = await harness.startDaemon()
  const quiet = await connect()
  const loud = await connect()
  const state = flood(loud, bytes)
  const progress: number[] = []
  for (let round = 0; round < 50; round++) {
    await quiet.request("daemon/info")
    progress.push(state.fed)
  }
  expect(progress).toHaveLength(50)
  expect(loud.isClosed).toBe(false)
  state.stop()
  await expectUndisturbed(quiet)
})

test("a client that floods and never reads its answers is not read either, and a quiet one is answered", async () => {
  const { connect } = await harness.startDaemon({ socket: true })
  const quiet = await connect()
  const loud = await connect()
  loud.stall()
  const state = flood(loud, Buffer.concat(Array.from({ length: 50 }, (_, id) => ask(id, "rpc.discover", {}))), 2_000)
  for (let round = 0; round < 50; round++) await quiet.request("daemon/info")
  state.stop()
  await expectUndisturbed(quiet)
})

test("of 400 requests at once each is answered once: 256 run, the others hear of the limit", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const peer = await listenPeer(harness)
  peer.sockets.length = 0
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", {
    host: peer.host,
    port: peer.port,
  })
  const socket = await peer.accepted()
  // A write that is answered when it is flushed, behind more than the system takes: all of these wait.
  client.notify("transport/write", { transport, data: Buffer.alloc(16_000_000) })
  const answers = Array.from({ length: 400 }, () => client.ask("transport/write", { transport, text: "x" }))
  await client.until(() => client.answers.length >= 2 + 144, "the refusals")
  const refused = client.answers.slice(2)
  expect(refused).toHaveLength(144)
  for (const { error } of refused) {
    expect(error).toMatchObject({ code: 1003, data: { limit: 256, used: 256, unit: "requests" } })
  }
  const recorder = new Recorder(socket)
  const all = await Promise.all(answers)
  expect(all.filter(({ error }) => error === undefined)).toHaveLength(256)
  await recorder.until(16_000_000 + 256)
})

test("a request whose id is in flight is refused under that id, and the first is still answered", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const peer = await listenPeer(harness)
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", {
    host: peer.host,
    port: peer.port,
  })
  const socket = await peer.accepted()
  client.notify("transport/write", { transport, data: Buffer.alloc(16_000_000) })
  client.sendBytes(ask(900, "transport/write", { transport, text: "one" }))
  client.sendBytes(ask(900, "daemon/info", {}))
  client.sendBytes(ask("900", "test/none", {}))
  await client.barrier()
  const answered = (): unknown[] =>
    client.answers.filter(({ id }) => id === 900 || id === "900").map(({ id, error }) => [id, error?.code])
  expect(answered()).toEqual([
    [900, -32600],
    ["900", -32601],
  ])
  const recorder = new Recorder(socket)
  await client.until(() => answered().length === 3)
  expect(answered()[2]).toEqual([900, undefined])
  await recorder.until(16_000_003)
})

/** A session in which something of every kind happens. */
function session(port: number): Buffer {
  const messages = [
    ["initialize", { protocolVersion: 1, capabilities: { byteMessages: true, flowControl: true } }, 1],
    ["initialized", {}],
    ["loop/createServer", { host: "127.0.0.1", port: 0, options: { name: "server" } }, 2],
    ["loop/createConnection", { host: "127.0.0.1", port, options: { name: "remote" } }, 3],
    ["loop/subprocessExec", { program: "cat", options: { name: "cat" } }, 4],
    ["transport/write", { transport: "remote", data: Buffer.from("hello") }],
    ["transport/close", { transport: "cat" }, 5],
  ] as const
  return Buffer.concat(
    messages.map(([method, params, id]) =>
      encode(
        { jsonrpc: "2.0", ...(id !== undefined && { id }), method, params },
        { framing: "header", byteMessages: true },
      ),
    ),
  )
}

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  "a valid session that is cut at any byte leaves nothing (part %i of 8)",
  async (part) => {
    const { connect, connectRaw, daemon } = await harness.startDaemon()
    const quiet = await connect()
    const peer = await listenPeer(harness)
    const bytes = session(peer.port)
    for (let cut = part; cut <= bytes.length; cut += 8) {
      const client = await connectRaw()
      client.flowControl = true
      client.consumes = false
      client.sendBytes(bytes.subarray(0, cut))
      // Ended, destroyed, or destroyed once something was answered: three ways to go.
      if (cut % 3 === 0) client.end()
      else if (cut % 3 === 1) client.destroy()
      else {
        await client.until(() => cut < 250 || client.received.length > 0)
        client.destroy()
      }
      if (cut % 3 === 0) await client.closed
    }
    await untilAlone(quiet)
    await expectUndisturbed(quiet)
    expect(daemon.info()).toMatchObject({ clients: 1, transports: 0, servers: 0 })
  },
)

/** Waits until `client` is the only one, by asking. */
async function untilAlone(client: RawClient): Promise<void> {
  for (;;) {
    const { clients, transports } = await client.request<{ clients: number; transports: number }>("daemon/info")
    if (clients === 1 && transports === 0) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
