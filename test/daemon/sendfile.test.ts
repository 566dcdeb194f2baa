/** A file through a transport, as the wire has it: ranges, order, the brake, what stops it, and what is refused. */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import type { Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { errorName } from "../../protocol/errors.ts"
import type { RawClient } from "../support/client.ts"
import { listenPeer, Recorder } from "../support/peers.ts"
import { folder, namedPipe } from "../support/pipes.ts"
import { cat } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup } from "../support/setup.ts"
import { listenTls, trusting } from "../support/tls.ts"

const harness = setup()

interface Connected {
  readonly client: RawClient
  readonly transport: number
  readonly socket: Socket
}

async function connected(flowControl = true, options: object = {}): Promise<Connected> {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl })
  const peer = await listenPeer(harness)
  const params = { host: peer.host, port: peer.port, options }
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", params)
  return { client, transport, socket: await peer.accepted() }
}

async function fileOf(bytes: Buffer): Promise<string> {
  const path = join(await folder(harness), "file")
  writeFileSync(path, bytes)
  return path
}

/** Far more than what fits between here and a remote that does not read. */
const MUCH = 32 * 1024 * 1024

function resident(): number {
  return process.memoryUsage().arrayBuffers
}

test("a file goes out whole, or the part that was asked for, and is counted", async () => {
  const { client, transport, socket } = await connected()
  const bytes = pattern(700_001)
  const path = await fileOf(bytes)
  const recorder = new Recorder(socket)
  const parts = [
    [{}, 0, 700_001],
    [{ offset: 100_000 }, 100_000, 700_001],
    [{ offset: 5, count: 70_000 }, 5, 70_005],
    [{ offset: 700_000, count: 99 }, 700_000, 700_001],
    [{ offset: 700_001 }, 0, 0],
    [{ offset: 9e15 }, 0, 0],
  ] as const
  for (const [part, from, to] of parts) {
    const before = recorder.bytes
    expect(await client.request("loop/sendfile", { transport, path, ...part })).toEqual({ sent: to - from })
    await recorder.until(before + to - from)
    expect(recorder.data.subarray(before).equals(bytes.subarray(from, to))).toBe(true)
  }
  const { channels } = await client.request<{ channels: Array<{ moved: number; written: number }> }>(
    "transport/describe",
    { transport },
  )
  expect(channels[0]).toMatchObject({ moved: recorder.bytes, written: 0 })
})

for (const flowControl of [false, true]) {
  test(`what is written before goes first, what is written behind goes last (flow control: ${flowControl})`, async () => {
    const { client, transport, socket } = await connected(flowControl)
    const recorder = new Recorder(socket)
    const bytes = pattern(900_000)
    const path = await fileOf(bytes)
    const data = (text: string): object => ({ transport, data: Buffer.from(text) })
    client.notify("transport/write", data("before "))
    const sending = client.request("loop/sendfile", { transport, path })
    client.notify("transport/write", data(" behind"))
    client.notify("transport/writeEof", { transport })
    expect(await sending).toEqual({ sent: bytes.length })
    await recorder.over
    expect(recorder.data.equals(Buffer.concat([Buffer.from("before "), bytes, Buffer.from(" behind")]))).toBe(true)
    if (flowControl) await client.until(() => client.of(transport).some(({ params }) => params.offset === 14))
  })
}

test("over TLS too, and into the stdin of a process", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect({ flowControl: true })
  const bytes = pattern(1_200_000)
  const path = await fileOf(bytes)
  const peer = await listenTls(harness)
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", {
    host: "localhost",
    port: peer.port,
    tls: trusting,
  })
  const recorder = new Recorder(await peer.accepted())
  expect(await client.request("loop/sendfile", { transport, path })).toEqual({ sent: bytes.length })
  await recorder.until(bytes.length)
  expect(recorder.data.equals(bytes)).toBe(true)

  const child = await client.request<{ transport: number; pipes: Record<string, number> }>("loop/subprocessExec", cat)
  await client.request("loop/sendfile", { transport: child.pipes["0"], path })
  await client.until(() => client.count(child.transport, 1) === bytes.length)
  expect(client.data(child.transport, 1).equals(bytes)).toBe(true)
})

describe("while it is sent", () => {
  test("requests to write are TransportBusy, and a second file too", async () => {
    const { client, transport, socket } = await connected()
    const path = await fileOf(Buffer.alloc(MUCH))
    const sending = client.ask("loop/sendfile", { transport, path })
    for (const [method, params] of [
      ["transport/write", { transport, data: "" }],
      ["transport/writelines", { transport, data: [] }],
      ["transport/writeEof", { transport }],
      ["loop/sendfile", { transport, path }],
      ["transport/splice", { from: transport, to: transport }],
      ["loop/startTls", { transport, tls: true, serverHostname: "localhost" }],
    ] as const) {
      const { code, data } = await client.failure(method, params)
      expect([method, errorName(code), data]).toEqual([method, "TransportBusy", { operation: "sendfile" }])
    }
    const recorder = new Recorder(socket)
    await recorder.until(MUCH)
    expect((await sending).result).toEqual({ sent: MUCH })
  })

  test("a remote that does not read holds it up, and little of the file is in memory", async () => {
    const { client, transport, socket } = await connected()
    const path = await fileOf(Buffer.alloc(MUCH))
    const before = resident()
    const sending = client.ask("loop/sendfile", { transport, path })
    let moved = -1
    for (let same = 0; same < 50;) {
      const { channels } = await client.request<{ channels: Array<{ moved: number }> }>("transport/describe", {
        transport,
      })
      same = channels[0]?.moved === moved ? same + 1 : 0
      moved = channels[0]?.moved ?? 0
    }
    expect(moved).toBeLessThan(MUCH)
    expect(resident() - before).toBeLessThan(8 * 1024 * 1024)
    await new Recorder(socket).until(MUCH)
    expect((await sending).result).toEqual({ sent: MUCH })
  })

  test("it can be cancelled: the transport stays, and what was written behind goes out", async () => {
    const { client, transport, socket } = await connected()
    const path = await fileOf(Buffer.alloc(MUCH))
    const id = client.nextId()
    const sending = client.ask("loop/sendfile", { transport, path }, id)
    client.notify("transport/write", { transport, data: Buffer.from("behind") })
    await client.barrier()
    client.notify("$/cancelRequest", { id })
    expect(errorName((await sending).error?.code ?? 0)).toBe("RequestCancelled")
    const recorder = new Recorder(socket)
    client.notify("transport/writeEof", { transport })
    await recorder.over
    expect(recorder.bytes).toBeLessThan(MUCH)
    expect(recorder.data.subarray(-6).toString()).toBe("behind")
  })

  test("a remote that leaves ends it", async () => {
    const { client, transport, socket } = await connected()
    const sending = client.ask("loop/sendfile", { transport, path: await fileOf(Buffer.alloc(MUCH)) })
    await client.barrier()
    socket.resetAndDestroy()
    expect(errorName((await sending).error?.code ?? 0)).toBe("TransportBroken")
    await client.lost(transport)
  })

  test("a close and an abort of the client end it", async () => {
    for (const method of ["close", "abort"]) {
      const { client, transport, socket } = await connected()
      const sending = client.ask("loop/sendfile", { transport, path: await fileOf(Buffer.alloc(MUCH)) })
      await client.barrier()
      await client.request(`transport/${method}`, { transport })
      const recorder = new Recorder(socket)
      expect(errorName((await sending).error?.code ?? 0)).toBe("TransportClosed")
      await recorder.over
      expect(recorder.bytes).toBeLessThan(MUCH)
      await client.lost(transport)
    }
  })

  test("a client that leaves ends it, and nothing of it stays", async () => {
    const { client, transport, socket } = await connected()
    void client.ask("loop/sendfile", { transport, path: await fileOf(Buffer.alloc(MUCH)) })
    await client.barrier()
    client.destroy()
    const recorder = new Recorder(socket)
    await recorder.over
    expect(recorder.bytes).toBeLessThan(MUCH)
  })
})

test("what is no regular file, and what is no stream to write to, is refused at once and changes nothing", async () => {
  const { client, transport, socket } = await connected()
  const path = await fileOf(Buffer.from("content"))
  const endpoint = await client.request<{ transport: number }>("loop/createDatagramEndpoint", {
    localAddr: { host: "127.0.0.1", port: 0 },
  })
  const child = await client.request<{ transport: number; pipes: Record<string, number> }>("loop/subprocessExec", cat)
  const unreadable = join(await folder(harness), "unreadable")
  execFileSync("sh", ["-c", `: > '${unreadable}' && chmod 0 '${unreadable}'`])
  const missing = join(await folder(harness), "missing")
  const failures: ReadonlyArray<readonly [object, string]> = [
    [{ transport, path: missing }, "OsFailure"],
    ...(process.getuid?.() === 0 ? [] : [[{ transport, path: unreadable }, "OsFailure"] as const]),
    [{ transport, path: await namedPipe(harness) }, "InvalidParams"],
    [{ transport, path: await folder(harness) }, "InvalidParams"],
    [{ transport, path: "/dev/zero" }, "InvalidParams"],
    [{ transport, path: "file" }, "InvalidParams"],
    [{ transport, path: "/a\0b" }, "InvalidParams"],
    [{ transport, path, count: 0 }, "InvalidParams"],
    [{ transport, path, offset: -1 }, "InvalidParams"],
    [{ transport: endpoint.transport, path }, "NotSupported"],
    [{ transport: child.transport, path }, "NotSupported"],
    [{ transport: child.pipes["1"], path }, "NotSupported"],
    [{ transport: 4711, path }, "UnknownTransport"],
  ]
  for (const [params, name] of failures) {
    expect([params, errorName((await client.failure("loop/sendfile", params)).code)]).toEqual([params, name])
  }
  expect((await client.failure("loop/sendfile", { transport, path: missing })).data).toMatchObject({
    errno: "ENOENT",
    path: missing,
  })
  await client.request("loop/sendfile", { transport, path })
  await client.request("transport/writeEof", { transport })
  expect(errorName((await client.failure("loop/sendfile", { transport, path })).code)).toBe("TransportClosed")
  const [data] = (await once(socket.resume(), "data")) as [Buffer]
  expect(data.toString()).toBe("content")
})
