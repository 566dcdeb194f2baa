/** Unix sockets for clients: paths, stale files, modes, what is left of them; and the library's relative paths. */
import { once } from "node:events"
import { chmodSync, existsSync, linkSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect as netConnect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { describe, expect, test } from "vitest"
import { connect as connectLibrary } from "../../client/index.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly extra: Record<string, unknown>
}

interface Serving {
  readonly server: number
  readonly sockets: readonly { readonly path: string }[]
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "unix-"))
  harness.cleanup(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A server of the test that sends back what it gets. */
async function echoAt(path: string): Promise<Server> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on("error", () => {}).pipe(socket)
  })
  await once(server.listen(path), "listening")
  harness.cleanup(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

async function visit(path: string): Promise<Socket> {
  const socket = netConnect({ path, allowHalfOpen: true })
  socket.on("error", () => {})
  harness.cleanup(() => socket.destroy())
  await once(socket, "connect")
  return socket
}

/** The file of a listener that died without a word. */
async function leaveStale(path: string): Promise<void> {
  const moved = `${path}~`
  const server = createServer()
  await once(server.listen(moved), "listening")
  linkSync(moved, path)
  server.close()
}

describe("a connection to a Unix socket", () => {
  for (const flowControl of [false, true]) {
    test(`carries bytes both ways and ends with the remote (flow control: ${flowControl})`, async () => {
      const path = join(folder(), "echo.sock")
      await echoAt(path)
      const { connect } = await harness.startDaemon()
      const client = await connect({ flowControl })
      const { transport, kind, extra } = await client.request<Opened>("loop/createUnixConnection", { path })
      expect(kind).toBe("unix")
      expect(extra).toMatchObject({ peername: { path }, sockname: { path: "" }, socket: { family: "Unix" } })
      client.notify("transport/write", { transport, data: Buffer.from("hello") })
      client.notify("transport/writeEof", { transport })
      const { params } = await client.lost(transport)
      expect(client.data(transport).toString()).toBe("hello")
      expect(params.error).toBeNull()
    })
  }

  test("a path where nothing is, and one where nobody is, fail with what the system said", async () => {
    const path = join(folder(), "none.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    expect(await client.failure("loop/createUnixConnection", { path })).toMatchObject({
      code: 1201,
      data: { errno: "ENOENT", syscall: "connect", path },
    })
    await leaveStale(path)
    expect(await client.failure("loop/createUnixConnection", { path })).toMatchObject({
      code: 1201,
      data: { errno: "ECONNREFUSED", path },
    })
  })
})

describe("a path that no socket can have is refused before anything happens", () => {
  const cases = [
    ["a relative one", "run/x.sock", { code: -32602, message: expect.stringContaining("is relative") }],
    ["one of 104 bytes", "/".padEnd(104, "x"), { code: 1201, data: { errno: "ENAMETOOLONG" } }],
    ["one with a NUL inside", "/run/x\0y", { code: 1201, data: { errno: "EINVAL" } }],
    ["an abstract name with a second NUL", "\0x\0y", { code: 1201, data: { errno: "EINVAL" } }],
    ["an empty abstract name", "\0", { code: 1201, data: { errno: "EINVAL" } }],
  ] as const
  for (const [what, path, expected] of cases) {
    test(what, async () => {
      const { connect } = await harness.startDaemon()
      const client = await connect()
      expect(await client.failure("loop/createUnixConnection", { path })).toMatchObject(expected)
      expect(await client.failure("loop/createUnixServer", { path })).toMatchObject(expected)
    })
  }
})

const nodeMajor = Number.parseInt(process.versions.node, 10)

test.runIf(process.platform === "linux")("an abstract name is exactly the one asked for, or is refused", async () => {
  const path = `\0transportd-test-${process.pid}`
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const { error } = await client.ask("loop/createUnixServer", { path })
  if (nodeMajor < 22) expect(error).toMatchObject({ code: 1105, message: expect.stringContaining("Node 22") })
  else expect(readFileSync("/proc/net/unix", "latin1")).toMatch(new RegExp(`@${path.slice(1)}$`, "m"))
})

describe("a Unix server", () => {
  test("announces connections that name it, and removes its file when it closes", async () => {
    const path = join(folder(), "x.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const { server, sockets } = await client.request<Serving>("loop/createUnixServer", { path })
    expect(sockets).toEqual([{ path }])
    const visitor = await visit(path)
    visitor.end("hi")
    const made = await client.until(() =>
      client.notifications.find(({ method }) => method === "protocol/connectionMade"),
    )
    const { transport, kind, extra } = made.params as unknown as Opened
    expect(made.params.server).toBe(server)
    expect(kind).toBe("unix")
    expect(extra).toMatchObject({ peername: { path: "" }, sockname: { path } })
    await client.lost(transport)
    expect(client.data(transport).toString()).toBe("hi")
    await client.request("server/close", { server })
    expect(existsSync(path)).toBe(false)
  })

  test("its file has the mode asked for, and no other one before", async () => {
    const path = join(folder(), "x.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const umask = process.umask()
    await client.request("loop/createUnixServer", { path, mode: 0o620 })
    expect(lstatSync(path).mode & 0o777).toBe(0o620)
    expect(process.umask()).toBe(umask)
  })

  test("replaces the file of a listener that is gone", async () => {
    const path = join(folder(), "x.sock")
    await leaveStale(path)
    const { connect } = await harness.startDaemon()
    const client = await connect()
    await client.request("loop/createUnixServer", { path })
    await visit(path)
  })

  test("leaves a listener alone that answers", async () => {
    const path = join(folder(), "x.sock")
    await echoAt(path)
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const failure = await client.failure("loop/createUnixServer", { path })
    expect(failure).toMatchObject({ code: 1201, data: { errno: "EADDRINUSE", path } })
    await visit(path)
  })

  test("leaves a file alone that is no socket", async () => {
    const path = join(folder(), "x.sock")
    writeFileSync(path, "precious")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const failure = await client.failure("loop/createUnixServer", { path })
    expect(failure).toMatchObject({ code: 1201, data: { errno: "EADDRINUSE", path } })
    expect(readFileSync(path, "utf8")).toBe("precious")
  })

  test("closing leaves what has taken the place of its file", async () => {
    const path = join(folder(), "x.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const { server } = await client.request<Serving>("loop/createUnixServer", { path })
    rmSync(path)
    await echoAt(path)
    const { ino } = lstatSync(path)
    await client.request("server/close", { server })
    expect(lstatSync(path).ino).toBe(ino)
    await visit(path)
  })

  test("starts to listen when it is told to, and not before", async () => {
    const path = join(folder(), "x.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    const { server, sockets } = await client.request<Serving>("loop/createUnixServer", { path, startServing: false })
    expect([sockets, existsSync(path)]).toEqual([[], false])
    await client.request("server/startServing", { server })
    await visit(path)
  })

  test.runIf(process.geteuid?.() !== 0)("a directory that cannot be written to is the system's refusal", async () => {
    const directory = folder()
    chmodSync(directory, 0o500)
    const path = join(directory, "x.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    expect(await client.failure("loop/createUnixServer", { path })).toMatchObject({
      code: 1201,
      data: { errno: "EACCES" },
    })
  })

  test("ends with its client, file and all", async () => {
    const path = join(folder(), "x.sock")
    const { connect } = await harness.startDaemon()
    const client = await connect()
    await client.request("loop/createUnixServer", { path })
    client.destroy()
    await expect.poll(() => existsSync(path)).toBe(false)
  })
})

test("the library resolves relative paths, and gives the file this process's umask", async () => {
  const directory = folder()
  const path = join(directory, "x.sock")
  const { daemon } = await harness.startDaemon({ socket: true })
  const client = await connectLibrary({ socket: daemon.socketPath as string })
  const received: string[] = []
  const server = await client.loop.createUnixServer(
    () => ({ connectionMade: (transport) => transport.write(Buffer.from("welcome")) }),
    { path: relative(process.cwd(), path) },
  )
  expect(server.sockets).toEqual([{ path }])
  expect(lstatSync(path).mode & 0o777).toBe(0o777 & ~process.umask())
  const [transport] = await client.loop.createUnixConnection(
    () => ({
      dataReceived: (data) => {
        received.push(data.toString())
        transport.close()
      },
      connectionLost: () => received.push("lost"),
    }),
    { path: relative(process.cwd(), path) },
  )
  expect(transport.getExtraInfo("peername")).toEqual({ path })
  await expect.poll(() => received).toEqual(["welcome", "lost"])
  await client.close()
})
