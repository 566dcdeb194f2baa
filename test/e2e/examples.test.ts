/** The examples print what the programs of asyncio's documentation print: those lines are the expectations here. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createDaemon, type Daemon } from "transportd/daemon"
import { hasTerminals } from "../../daemon/native/terminal.ts"
import { ROOT } from "../house/sources.ts"

let daemon: Daemon
let folder: string
let children: ChildProcess[]

beforeEach(async () => {
  children = []
  folder = await mkdtemp(join(tmpdir(), "transportd-"))
  daemon = createDaemon()
  await daemon.listen(join(folder, "daemon.sock"))
})

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL")
  daemon.shutdown(0)
  await daemon.ended
  await rm(folder, { recursive: true })
})

interface Program {
  readonly child: ChildProcess
  readonly lines: () => string[]
}

/** Runs an example with the test's daemon. */
function start(name: string, ...args: string[]): Program {
  const child = spawn(process.execPath, [join(ROOT, "dist/examples", `${name}.js`), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TRANSPORTD_SOCKET: join(folder, "daemon.sock") },
  })
  children.push(child)
  let output = ""
  child.stdout?.on("data", (data: Buffer) => (output += data.toString()))
  return { child, lines: () => output.split("\n").slice(0, -1) }
}

/** The exit status, once all output has come. */
async function ended({ child }: Program): Promise<unknown> {
  const [status] = await once(child, "close")
  return status
}

describe("the examples of asyncio's documentation", () => {
  it("TCP echo server and TCP echo client", async () => {
    const server = start("tcpEchoServer", "0")
    const address = await listening()
    const clients = []
    for (let count = 0; count < 2; count++) {
      const client = start("tcpEchoClient", String(address.port))
      expect(await ended(client)).toBe(0)
      clients.push(client.lines())
    }
    const clientLines = [
      "Data sent: 'Hello World!'",
      "Data received: 'Hello World!'",
      "The server closed the connection",
    ]
    expect(clients).toEqual([clientLines, clientLines])
    server.child.kill()
    await ended(server)
    const serverLines = [
      expect.stringMatching(/^Connection from \('127\.0\.0\.1', \d+\)$/),
      "Data received: 'Hello World!'",
      "Send: 'Hello World!'",
      "Close the client socket",
    ]
    expect(server.lines()).toEqual([...serverLines, ...serverLines])
  })

  it("UDP echo server and UDP echo client", async () => {
    const server = start("udpEchoServer", "0")
    const port = await boundPort()
    for (let count = 0; count < 2; count++) {
      const client = start("udpEchoClient", String(port))
      expect(await ended(client)).toBe(0)
      expect(client.lines()).toEqual([
        "Send: Hello World!",
        "Received: Hello World!",
        "Close the socket",
        "Connection closed",
      ])
    }
    server.child.kill()
    await ended(server)
    const serverLines = [
      expect.stringMatching(/^Received 'Hello World!' from \('127\.0\.0\.1', \d+\)$/),
      expect.stringMatching(/^Send 'Hello World!' to \('127\.0\.0\.1', \d+\)$/),
    ]
    expect(server.lines()).toEqual(["Starting UDP server", ...serverLines, ...serverLines])
  })

  it("connecting existing sockets", async () => {
    const program = start("existingSocket")
    expect(await ended(program)).toBe(0)
    expect(program.lines()).toEqual(["Received: abc"])
  })

  it("loop.subprocess_exec() and SubprocessProtocol", async () => {
    const program = start("subprocess")
    expect(await ended(program)).toBe(0)
    expect(program.lines()).toEqual([expect.stringMatching(/^Current date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/)])
  })
})

it.skipIf(!hasTerminals())("a program in a terminal", async () => {
  const program = start("terminal")
  expect(await ended(program)).toBe(0)
  const lines = program.lines().map((line) => line.trimEnd())
  expect(lines).toEqual(["20 90, what now?", "tea", "tea it is", "now 30 100", "^Cenough"])
})

describe("the TCP proxy", () => {
  it("passes everything on in both directions, half-closes too", async () => {
    const remote = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    await once(remote.listen(0, "127.0.0.1"), "listening")
    const proxy = start("tcpProxy", "127.0.0.1", String((remote.address() as AddressInfo).port), "0")
    const socket = connect({ ...(await listening()), allowHalfOpen: true })
    const bytes = Buffer.alloc(3_000_000, "there and back ")
    socket.end(bytes)
    expect((await buffer(socket)).equals(bytes)).toBe(true)
    await expect.poll(proxy.lines).toEqual(["3000000 bytes there, 3000000 bytes back"])
    proxy.child.kill()
    await ended(proxy)
    remote.close()
  })
})

/** Where the one server of the daemon listens, as soon as there is one. */
async function listening(): Promise<{ readonly port: number }> {
  for (;;) {
    for (const server of daemon.table.servers()) {
      const [address] = server.describe().sockets
      if (address !== undefined && "port" in address) return address
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The port of the one endpoint of the daemon, as soon as there is one. */
async function boundPort(): Promise<number> {
  for (;;) {
    for (const { kind, extra } of daemon.table.holdings()) {
      if (kind === "udp") return (extra.sockname as { port: number }).port
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
