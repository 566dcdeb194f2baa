/** Named pipes, terminals and inherited descriptors through the wire. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { describe, expect, it } from "vitest"
import { inheritedDescriptors } from "../../daemon/index.ts"
import { TestClock } from "../support/clock.ts"
import { udpPeer } from "../support/datagrams.ts"
import { Recorder } from "../support/peers.ts"
import { folder, namedPipe, openForReading, openForWriting, reader, writer } from "../support/pipes.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const { startDaemon } = harness

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly extra: Record<string, unknown>
}

describe("a read pipe", () => {
  it("opens at once, though nobody writes, and hears what is written later", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const { transport, kind, extra } = await client.request<Opened>("loop/connectReadPipe", { path })
    expect([kind, extra]).toEqual(["pipe", { pipe: { path } }])
    expect(await client.request("transport/getExtraInfo", { transport, name: "pipe" })).toEqual({ path })
    const source = writer(harness, path)
    source.write("hello")
    await client.until(() => client.count(transport) === 5)
    expect(String(client.data(transport))).toBe("hello")
  })

  for (const onEof of ["close", "keep"] as const) {
    it(`ends with its writer: eofReceived, then connectionLost with null, with onEof ${onEof}`, async () => {
      const client = await (await startDaemon()).connect()
      const path = await namedPipe(harness)
      const { transport } = await client.request<Opened>("loop/connectReadPipe", { path, options: { onEof } })
      writer(harness, path).end("the end")
      expect((await client.lost(transport)).params.error).toBeNull()
      expect(String(client.data(transport))).toBe("the end")
      expect(client.callbacks(transport).slice(-2)).toEqual(["eofReceived", "connectionLost"])
    })
  }

  it("is closed without a word of an end", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const { transport } = await client.request<Opened>("loop/connectReadPipe", { path })
    client.notify("transport/close", { transport })
    expect((await client.lost(transport)).params.error).toBeNull()
    expect(client.callbacks(transport)).toEqual(["connectionMade", "connectionLost"])
    expect(() => openForWriting(path)).toThrow("ENXIO")
  })

  it("holds its writer back while the client does not consume", async () => {
    const client = await (await startDaemon()).connect({ flowControl: true })
    client.consumes = false
    const path = await namedPipe(harness)
    const options = { readWindowBytes: 10_000 }
    const { transport } = await client.request<Opened>("loop/connectReadPipe", { path, options })
    const bytes = 2_000_000
    writer(harness, path).end(Buffer.alloc(bytes, "x"))
    await client.until(() => client.count(transport) === 10_000)
    await client.barrier()
    expect(client.count(transport)).toBe(10_000)
    client.consumes = true
    client.notify("transport/consumed", { transport, offset: 10_000 })
    await client.lost(transport)
    expect(client.count(transport)).toBe(bytes)
  })

  it("is not written to", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const { transport } = await client.request<Opened>("loop/connectReadPipe", { path })
    for (const [method, params] of [
      ["write", { text: "x" }],
      ["writeEof", {}],
      ["getWriteBufferSize", {}],
    ] as const) {
      expect((await client.failure(`transport/${method}`, { transport, ...params })).code).toBe(1105)
    }
    expect(await client.request("transport/isReading", { transport })).toBe(true)
  })
})

describe("a write pipe", () => {
  it("writes, in order and to the last byte before its close", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const sink = new Recorder(reader(harness, path))
    const { transport, extra } = await client.request<Opened>("loop/connectWritePipe", { path })
    expect(extra).toEqual({ pipe: { path } })
    const data = Buffer.alloc(300_000, "0123456789")
    client.notify("transport/write", { transport, data })
    client.notify("transport/close", { transport })
    expect((await client.lost(transport)).params.error).toBeNull()
    await sink.over
    expect(sink.data.equals(data)).toBe(true)
  })

  it("writeEof is its close", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const sink = new Recorder(reader(harness, path))
    const { transport } = await client.request<Opened>("loop/connectWritePipe", { path })
    expect(await client.request("transport/canWriteEof", { transport })).toBe(true)
    client.notify("transport/write", { transport, text: "last words" })
    client.notify("transport/writeEof", { transport })
    expect((await client.lost(transport)).params.error).toBeNull()
    await sink.over
    expect(String(sink.data)).toBe("last words")
  })

  it("waits for a reader without holding anybody up", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const opening = client.request<Opened>("loop/connectWritePipe", { path })
    await client.request("daemon/info")
    const sink = new Recorder(reader(harness, path))
    const { transport } = await opening
    client.notify("transport/write", { transport, text: "at last" })
    await sink.until(7)
    expect(String(sink.data)).toBe("at last")
  })

  it("waits no longer than asked, and not beyond a cancellation", async () => {
    const clock = new TestClock()
    const client = await (await startDaemon({ clock })).connect()
    const path = await namedPipe(harness)
    const timed = client.ask("loop/connectWritePipe", { path, timeoutMs: 1_000 })
    const cancelled = client.ask("loop/connectWritePipe", { path }, "to be cancelled")
    await expect.poll(() => clock.waiting).toBe(2)
    client.notify("$/cancelRequest", { id: "to be cancelled" })
    await client.barrier()
    const pass = setInterval(() => clock.advance(100))
    expect((await timed).error).toMatchObject({ code: 1203, data: { timeoutMs: 1_000 } })
    expect((await cancelled).error?.code).toBe(-32800)
    clearInterval(pass)
  })

  it("is lost with null when its reader leaves and nothing is to be written", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const fd = openForReading(path)
    const { transport } = await client.request<Opened>("loop/connectWritePipe", { path })
    closeSync(fd)
    expect((await client.lost(transport)).params.error).toBeNull()
  })

  it("is lost with EPIPE when its reader leaves and something is still to be written", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const fd = openForReading(path)
    const { transport } = await client.request<Opened>("loop/connectWritePipe", { path })
    client.notify("transport/write", { transport, data: Buffer.alloc(1_000_000) })
    await client.barrier()
    closeSync(fd)
    expect((await client.lost(transport)).params.error).toMatchObject({ code: 1103, data: { errno: "EPIPE" } })
  })

  it("is not read from", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    reader(harness, path)
    const { transport } = await client.request<Opened>("loop/connectWritePipe", { path })
    for (const method of ["pauseReading", "resumeReading", "isReading"]) {
      expect((await client.failure(`transport/${method}`, { transport })).code).toBe(1105)
    }
  })

  it("counts its buffer, with the water marks of every stream", async () => {
    const client = await (await startDaemon()).connect()
    const path = await namedPipe(harness)
    const source = reader(harness, path)
    const { transport } = await client.request<Opened>("loop/connectWritePipe", { path })
    client.notify("transport/write", { transport, data: Buffer.alloc(1_000_000) })
    await client.callback(transport, "pauseWriting")
    expect(await client.request("transport/getWriteBufferSize", { transport })).toBeGreaterThan(65_536)
    const sink = new Recorder(source)
    await client.callback(transport, "resumeWriting")
    await sink.until(1_000_000)
  })
})

describe("what is no pipe", () => {
  it("is refused with a sentence, and left closed", async () => {
    const client = await (await startDaemon()).connect()
    const directory = await folder(harness)
    const file = join(directory, "file")
    writeFileSync(file, "x")
    const socket = join(directory, "socket")
    const server = createServer().listen(socket)
    harness.cleanup(() => server.close())
    await once(server, "listening")
    for (const method of ["loop/connectReadPipe", "loop/connectWritePipe"]) {
      for (const path of [file, directory, "/dev/null", socket]) {
        const { code, message } = await client.failure(method, { path })
        expect([code, message.includes(path)]).toEqual([-32602, true])
      }
      const missing = join(directory, "missing")
      expect(await client.failure(method, { path: missing })).toMatchObject({
        code: 1201,
        data: { errno: "ENOENT", path: missing },
      })
      expect((await client.failure(method, {})).code).toBe(-32602)
      expect((await client.failure(method, { path: file, fd: 3 })).code).toBe(-32602)
    }
  })
})

describe("an inherited descriptor", () => {
  it("is handed out once and belongs to the transport from then on", async () => {
    const path = await namedPipe(harness)
    const fd = openForReading(path)
    const client = await (await startDaemon({ descriptors: [fd] })).connect()
    const { transport, extra } = await client.request<Opened>("loop/connectReadPipe", { fd })
    expect(extra).toEqual({ pipe: { fd } })
    expect((await client.failure("loop/connectReadPipe", { fd })).code).toBe(-32602)
    writer(harness, path).end("inherited")
    await client.lost(transport)
    expect(String(client.data(transport))).toBe("inherited")
    expect(() => closeSync(fd)).toThrow("EBADF")
  })

  it("can be written to, and tells when its reader leaves", async () => {
    const path = await namedPipe(harness)
    const far = openForReading(path)
    const fd = openForWriting(path)
    const client = await (await startDaemon({ descriptors: [fd] })).connect()
    const { transport } = await client.request<Opened>("loop/connectWritePipe", { fd })
    await client.request("transport/write", { transport, text: "x" })
    closeSync(far)
    expect((await client.lost(transport)).params.error).toBeNull()
  })

  it.skipIf(process.platform !== "linux")("is refused when it is a datagram socket, and stays", async () => {
    const before = inheritedDescriptors()
    await udpPeer(harness)
    const [fd] = inheritedDescriptors(before) as [number]
    const client = await (await startDaemon({ descriptors: [fd] })).connect()
    for (const method of ["loop/connectReadPipe", "loop/connectWritePipe", "loop/connectReadPipe"]) {
      const { code, message } = await client.failure(method, { fd })
      expect([code, message]).toEqual([-32602, `descriptor ${fd} cannot be a pipe transport: it is no stream`])
    }
  })

  it("is never one of the daemon's own, nor a file", async () => {
    const file = join(await folder(harness), "file")
    writeFileSync(file, "x")
    const fd = openSync(file, "r")
    harness.cleanup(() => closeSync(fd))
    const client = await (await startDaemon({ descriptors: [fd] })).connect()
    for (const each of [0, 1, 2, fd, 10_000]) {
      const { code, message } = await client.failure("loop/connectReadPipe", { fd: each })
      expect([code, message.includes(String(each))]).toEqual([-32602, true])
    }
  })

  it("is told from what a process opened for itself", async () => {
    const path = await namedPipe(harness)
    const before = inheritedDescriptors()
    const fd = openForReading(path)
    const linux = process.platform === "linux"
    expect(inheritedDescriptors().filter((each) => !before.includes(each))).toEqual(linux ? [fd] : [])
    expect(inheritedDescriptors([fd])).not.toContain(fd)
    const other = openForWriting(path)
    expect(inheritedDescriptors()).not.toContain(fd)
    closeSync(fd)
    closeSync(other)
  })
})

describe("a terminal", () => {
  /** A pseudo-terminal needs a system call that Node does not have. */
  const PROGRAM = `
import os, pty, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
for line in sys.stdin:
    word, _, text = line.rstrip("\\n").partition(" ")
    if word == "write": os.write(master, text.encode())
    if word == "read": print(os.read(master, 1000).decode(), flush=True)
    if word == "hangup":
        os.close(slave)
        os.close(master)
        print("done", flush=True)
`

  async function terminal(): Promise<{ path: string; tell(line: string): void; hear(): Promise<string> } | null> {
    const child = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] })
    const failed = await new Promise<boolean>((resolve) => {
      child.once("error", () => resolve(true))
      child.once("spawn", () => resolve(false))
    })
    if (failed) return null
    harness.cleanup(async () => {
      child.stdin.end()
      if (child.exitCode === null) await once(child, "exit")
    })
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const hear = async (): Promise<string> => (await lines.next()).value as string
    return { path: await hear(), tell: (line) => void child.stdin.write(`${line}\n`), hear }
  }

  it("is read and written by path, and its hang-up is its end", async ({ skip }) => {
    const pty = await terminal()
    if (pty === null) return skip("there is no python3 to make a terminal with")
    const client = await (await startDaemon()).connect()
    const { path } = pty
    const input = await client.request<Opened>("loop/connectReadPipe", { path })
    const output = await client.request<Opened>("loop/connectWritePipe", { path })
    pty.tell("write typed")
    await client.until(() => client.count(input.transport) === 5)
    expect(String(client.data(input.transport))).toBe("typed")
    await client.request("transport/write", { transport: output.transport, text: "shown" })
    pty.tell("read")
    expect(await pty.hear()).toBe("shown")
    client.notify("transport/close", { transport: output.transport })
    expect((await client.lost(output.transport)).params.error).toBeNull()
    pty.tell("hangup")
    await client.lost(input.transport)
  })
})
