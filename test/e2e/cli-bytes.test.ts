/** Bytes through the command: connect, listen and run, with nothing lost, nobody flooded, and the right end. */
import { createHash, randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { RequestResult } from "../../protocol/registry.ts"
import { MAIN, Sandbox, type Running } from "../cli/sandbox.ts"

const MiB = 1024 * 1024

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

async function portOf(listener: Running): Promise<number> {
  const [, port] = await listener.says(/listening on \S+:(\d+)/)
  return Number(port)
}

/** A TCP server of the test's own. */
async function serve(onConnection: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => onConnection(socket.on("error", () => {})))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

/** The counts of the only transport there is. */
async function countsOf(sandbox: Sandbox): Promise<{ written: number; received: number; moved: number } | undefined> {
  const { transports } = await sandbox.json<RequestResult<"transport/list">>(["call", "transport/list"])
  return transports[0]?.channels[0]
}

/** How much the daemon has moved when it moves no more: two looks agree. */
async function settled(sandbox: Sandbox): Promise<number | undefined> {
  for (let before = -1; ;) {
    const moved = (await countsOf(sandbox))?.moved
    if (moved === undefined || moved === before) return moved
    before = moved
  }
}

describe("transportd connect and listen", () => {
  it.each([
    ["a daemon each", false],
    ["one daemon", true],
  ])("carry a file both ways, with %s", async (_, shared) => {
    await using sandbox = new Sandbox()
    if (shared) await sandbox.startDaemon()
    const [there, back] = [randomBytes(5 * MiB), randomBytes(5 * MiB)]
    writeFileSync(join(sandbox.folder, "there"), there)
    writeFileSync(join(sandbox.folder, "back"), back)
    const listener = sandbox.startProgram(["sh", "-c", 'exec "$0" "$1" listen 0 < back', process.execPath, MAIN])
    const address = `127.0.0.1:${await portOf(listener)}`
    const connect = 'exec "$0" "$1" connect "$2" < there'
    const connector = sandbox.startProgram(["sh", "-c", connect, process.execPath, MAIN, address])
    expect([(await connector.ended).code, (await listener.ended).code]).toEqual([0, 0])
    expect(hash(listener.stdout)).toBe(hash(there))
    expect(hash(connector.stdout)).toBe(hash(back))
    expect(connector.stderr).toBe("")
  })

  it("carry what comes through pipes", async () => {
    await using sandbox = new Sandbox()
    const data = randomBytes(5 * MiB)
    const listener = sandbox.start(["listen", "0"])
    const connector = sandbox.start(["connect", "127.0.0.1", String(await portOf(listener))])
    connector.child.stdin.end(data)
    expect([(await connector.ended).code, (await listener.ended).code]).toEqual([0, 0])
    expect(hash(listener.stdout)).toBe(hash(data))
  })

  it("half-close at the end of stdin, and still take the answer", async () => {
    await using sandbox = new Sandbox()
    const { server, port } = await serve((socket) => {
      let asked = ""
      socket.on("data", (chunk) => (asked += chunk.toString()))
      socket.on("end", () => socket.end(`you said ${asked}`))
    })
    const ended = await sandbox.run(["connect", `127.0.0.1:${port}`], { input: "hello" })
    expect(ended).toEqual({ code: 0, stdout: "you said hello", stderr: "" })
    server.close()
  })

  it("end when the remote ends, whatever stdin does", async () => {
    await using sandbox = new Sandbox()
    const { server, port } = await serve((socket) => socket.end("bye"))
    const running = sandbox.start(["connect", `127.0.0.1:${port}`])
    expect(await running.ended).toEqual({ code: 0, stdout: "bye", stderr: "" })
    server.close()
  })

  it("stop reading stdin while the remote does not read", async () => {
    await using sandbox = new Sandbox()
    const data = randomBytes(24 * MiB)
    const received = createHash("sha256")
    let socket: Socket | undefined
    const { server, port } = await serve((accepted) => {
      socket = accepted.pause()
      // Order: set before it flows.
      socket.on("data", (chunk) => received.update(chunk)).on("end", () => accepted.end())
      socket.pause()
    })
    const running = sandbox.start(["connect", `127.0.0.1:${port}`])
    const { stdin } = running.child
    let writtenBytes = 0
    // What is written until the pipe is full and stays full: far less than all, or somebody keeps it in memory.
    for (let offset = 0; offset < data.length; offset += 65_536) {
      const piece = data.subarray(offset, offset + 65_536)
      writtenBytes += piece.length
      if (!stdin.write(piece)) break
    }
    expect(writtenBytes).toBeLessThan(data.length)
    stdin.end(data.subarray(writtenBytes))
    await running.says(/^$/)
    while (socket === undefined) await new Promise((resolve) => server.once("connection", resolve))
    socket.resume()
    expect((await running.ended).code).toBe(0)
    expect(received.digest("hex")).toBe(hash(data))
    server.close()
  })

  it("say in one sentence when nobody is there", async () => {
    await using sandbox = new Sandbox()
    const { server, port } = await serve(() => {})
    await new Promise((resolve) => server.close(resolve))
    const refused = await sandbox.run(["connect", `127.0.0.1:${port}`])
    expect(refused).toMatchObject({ code: 1, stdout: "" })
    expect(refused.stderr).toMatch(/^transportd: [^\n]*ECONNREFUSED\n$/)
    const nameless = await sandbox.run(["connect", "no-such-host.invalid:80"])
    expect(nameless).toMatchObject({ code: 1, stdout: "" })
    expect(nameless.stderr).toMatch(/^transportd: [^\n]*no-such-host\.invalid[^\n]*\n$/)
  })

  it("say when the connection breaks", async () => {
    await using sandbox = new Sandbox()
    const { server, port } = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()))
    const running = sandbox.start(["connect", `127.0.0.1:${port}`])
    running.child.stdin.write("x")
    const { code, stderr } = await running.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^transportd: the connection with 127\.0\.0\.1:\d+ broke: [^\n]+\n$/)
    server.close()
  })

  describe("connect with a running daemon", () => {
    it("moves its bytes over a tunnel, each of them once", async () => {
      await using sandbox = new Sandbox()
      await sandbox.startDaemon()
      const [there, back] = [randomBytes(20 * MiB), randomBytes(20 * MiB)]
      const received = createHash("sha256")
      let socket: Socket | undefined
      const { server, port } = await serve((accepted) => {
        socket = accepted.on("data", (chunk) => {
          received.update(chunk)
          if (accepted.bytesRead === there.length) server.emit("all")
        })
      })
      const all = new Promise((resolve) => server.once("all", resolve))
      const running = sandbox.start(["connect", `127.0.0.1:${port}`])
      running.child.stdin.write(there)
      await all
      // While it is open: what came in messages is `written`, and what came over a tunnel is not.
      expect(await countsOf(sandbox)).toMatchObject({ written: 0, received: 0 })
      socket?.end(back)
      expect((await running.ended).code).toBe(0)
      expect(received.digest("hex")).toBe(hash(there))
      expect(hash(running.stdout)).toBe(hash(back))
      server.close()
    })

    it("says when the connection breaks, behind all that came", async () => {
      await using sandbox = new Sandbox()
      await sandbox.startDaemon()
      const { server, port } = await serve((socket) => {
        socket.write("last words")
        socket.once("data", () => socket.resetAndDestroy())
      })
      const running = sandbox.start(["connect", `127.0.0.1:${port}`])
      await running.says(/last words/, "stdout")
      running.child.stdin.write("x")
      const { code, stdout, stderr } = await running.ended
      expect([code, stdout]).toEqual([1, "last words"])
      expect(stderr).toBe(
        `transportd: the connection with 127.0.0.1:${port} broke: the remote ended the transport: ECONNRESET\n`,
      )
      server.close()
    })

    it("ends with 4 when another takes the connection, and with 5 when the daemon goes", async () => {
      await using sandbox = new Sandbox()
      const pid = await sandbox.startDaemon()
      const { server, port } = await serve((socket) => void socket.resume().write("hello"))
      for (const [end, code, sentence] of [
        [() => sandbox.run(["close", "--steal", "line"]), 4, /took over/],
        [() => process.kill(pid, "SIGKILL"), 5, /^transportd: the connection to the daemon ended; [^\n]+\n$/],
      ] as const) {
        const running = sandbox.start(["connect", "--name", "line", `127.0.0.1:${port}`])
        await running.says(/hello/, "stdout")
        await end()
        const ended = await running.ended
        expect([ended.code, ended.stdout]).toEqual([code, "hello"])
        expect(ended.stderr).toMatch(sentence)
      }
      server.close()
    })

    it("waits without a deadline for a remote that ends first and reads late", async () => {
      await using sandbox = new Sandbox({ TRANSPORTD_CLOSE_DEADLINE_MS: "0" })
      await sandbox.startDaemon()
      let socket: Socket | undefined
      const { server, port } = await serve((accepted) => (socket = accepted.pause()).end("bye"))
      const send = async (bytes: number): Promise<number | undefined> => {
        const data = randomBytes(bytes)
        writeFileSync(join(sandbox.folder, "there"), data)
        const command = 'exec "$0" "$1" connect "$2" < there'
        const running = sandbox.startProgram(["sh", "-c", command, process.execPath, MAIN, `127.0.0.1:${port}`])
        await running.says(/bye/, "stdout")
        const stuckAt = await settled(sandbox)
        const received = socket?.toArray()
        expect(await running.ended).toEqual({ code: 0, stdout: "bye", stderr: "" })
        expect(hash(Buffer.concat((await received) as Buffer[]))).toBe(hash(data))
        return stuckAt
      }
      // What the system takes for a remote that does not read; then so much that the rest of it waits in the daemon.
      const taken = await send(20 * MiB)
      await send((taken ?? 0) + 100_000)
      server.close()
    })
  })

  it("say that a port is taken", async () => {
    await using sandbox = new Sandbox()
    const { server, port } = await serve(() => {})
    const { code, stderr } = await sandbox.run(["listen", String(port)])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^transportd: [^\n]*EADDRINUSE[^\n]*\n$/)
    server.close()
  })

  it("listen takes one connection and no other", async () => {
    await using sandbox = new Sandbox()
    const listener = sandbox.start(["listen", "0"])
    const port = await portOf(listener)
    const first = connect({ host: "127.0.0.1", port })
    first.write("first")
    await listener.says(/first/, "stdout")
    // Refused by the system, or ended unheard when it came while the server was closing.
    const second = connect({ host: "127.0.0.1", port }).on("error", () => {})
    second.end("second")
    await new Promise((resolve) => second.resume().once("close", resolve))
    first.end()
    expect(await listener.ended).toMatchObject({ code: 0, stdout: "first" })
  })

  it("listen --keep takes connections one after another, and says so in JSON", async () => {
    await using sandbox = new Sandbox()
    const listener = sandbox.start(["listen", "--keep", "--json", "127.0.0.1:0"])
    const [, port] = await listener.says(/"event":"listening".*"port":(\d+)/)
    for (const word of ["one,", "two,", "three."]) {
      expect((await sandbox.run(["connect", `127.0.0.1:${port}`], { input: word })).code).toBe(0)
    }
    await listener.says(/three\./, "stdout")
    await listener.says(/(?:"event":"lost"[^]*){3}/)
    listener.child.kill("SIGINT")
    const { code, stdout, stderr } = await listener.ended
    expect([code, stdout]).toEqual([130, "one,two,three."])
    const events = stderr.trimEnd().split("\n")
    const parsed = events.map((line) => JSON.parse(line) as { event: string; bytesIn?: number })
    const names = ["listening", "connected", "lost", "connected", "lost", "connected", "lost"]
    expect(parsed.map(({ event }) => event)).toEqual(names)
    expect(parsed.flatMap(({ bytesIn }) => bytesIn ?? [])).toEqual([4, 4, 6])
  })

  it("end with 130 on Ctrl-C", async () => {
    await using sandbox = new Sandbox()
    const listener = sandbox.start(["listen", "0"])
    await portOf(listener)
    listener.child.kill("SIGINT")
    expect((await listener.ended).code).toBe(130)
  })
})

describe("transportd run", () => {
  it("passes 10 MB through a program", async () => {
    await using sandbox = new Sandbox()
    const data = randomBytes(10 * MiB)
    const running = sandbox.start(["run", "cat"])
    running.child.stdin.end(data)
    expect((await running.ended).code).toBe(0)
    expect(hash(running.stdout)).toBe(hash(data))
  })

  it.each([
    [["sh", "-c", "exit 7"], 7],
    [["true"], 0],
    [["sh", "-c", "kill -TERM $$"], 143],
    [["sh", "-c", "kill -KILL $$"], 137],
  ])("%j ends as the program does: %i", async (command, code) => {
    await using sandbox = new Sandbox()
    expect(await sandbox.run(["run", "--", ...command])).toEqual({ code, stdout: "", stderr: "" })
  })

  it("tells a program that is not there from one that cannot be run", async () => {
    await using sandbox = new Sandbox()
    const missing = await sandbox.run(["run", "--", "nosuch", "--flag"])
    expect(missing).toMatchObject({ code: 127, stdout: "" })
    expect(missing.stderr).toMatch(/^transportd: [^\n]*nosuch[^\n]*\n$/)
    expect(await sandbox.run(["run", "/"])).toMatchObject({ code: 126, stdout: "" })
  })

  it("keeps stdout and stderr apart, and all options for the program", async () => {
    await using sandbox = new Sandbox()
    const { code, stdout, stderr } = await sandbox.run([
      "run",
      "sh",
      "-c",
      "echo out; echo err >&2; echo $1",
      "--",
      "-v",
    ])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "out\n-v\n", stderr: "err\n" })
  })

  it("gives the program this folder and this environment, whatever the daemon's are", async () => {
    await using sandbox = new Sandbox()
    await sandbox.startDaemon()
    const env = { GREETING: "hello" }
    const { stdout } = await sandbox.run(["run", "sh", "-c", 'pwd -P; echo "$GREETING"'], { env })
    expect(stdout).toMatch(/\/td-\w+\nhello\n$/)
  })

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("passes %s on to the program", async (signal) => {
    await using sandbox = new Sandbox()
    const program = `process.on("${signal}", () => process.exit(3)); console.log("ready"); setInterval(() => {}, 1000)`
    const running = sandbox.start(["run", "--", process.execPath, "-e", program])
    await running.says(/ready/, "stdout")
    running.child.kill(signal)
    expect((await running.ended).code).toBe(3)
  })

  it("ends with the program, whatever stdin does", async () => {
    await using sandbox = new Sandbox()
    const running = sandbox.start(["run", "--", "sh", "-c", "exec 0<&-; exit 4"])
    expect((await running.ended).code).toBe(4)
  })

  it("lets the program notice that nobody reads it any more", async () => {
    await using sandbox = new Sandbox()
    const running = sandbox.start(["run", "--", "sh", "-c", "yes; exit 9"], { reads: false })
    await new Promise((resolve) => running.child.stdout.once("readable", resolve))
    running.child.stdout.destroy()
    expect((await running.ended).code).toBe(9)
  })

  it("uses the running daemon", async () => {
    await using sandbox = new Sandbox()
    const pid = await sandbox.startDaemon()
    const { stdout, stderr } = await sandbox.run(["run", "-v", "--", "sh", "-c", "echo $PPID"])
    expect(stdout).toBe(`${pid}\n`)
    expect(stderr).toContain(`process ${pid}\n`)
  })
})
