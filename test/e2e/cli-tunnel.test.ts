/** attach and connect --keep under load: their bytes go over a tunnel, and leaving, a break and a thief lose none. */
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import type { RequestResult } from "../../protocol/registry.ts"
import { MAIN, Sandbox, type Running } from "../cli/sandbox.ts"
import { listenPeer, Recorder, Spewer } from "../support/peers.ts"

const MiB = 1024 * 1024

type Counts = RequestResult<"transport/describe">["channels"][number]

const untilFinished = { cleanup: (action: () => unknown) => onTestFinished(async () => void (await action())) }

/** `connect --keep` to a server of the test's own, and the remote, of which nothing is read yet. */
async function connected(sandbox: Sandbox): Promise<{ pid: number; keeper: Running; remote: Socket }> {
  const pid = await sandbox.startDaemon()
  const { port, accepted } = await listenPeer(untilFinished)
  const keeper = sandbox.start(["connect", "--keep", "--name", "line", `127.0.0.1:${port}`])
  return { pid, keeper, remote: await accepted() }
}

/** The same, and left with the daemon. */
async function left(sandbox: Sandbox): Promise<{ pid: number; remote: Socket }> {
  const { keeper, ...rest } = await connected(sandbox)
  rest.remote.write(".")
  await keeper.says(/\./, "stdout")
  expect(await leave(keeper)).toBe(".")
  return rest
}

/** Leaves with Ctrl-C; what it had printed. */
async function leave(running: Running): Promise<string> {
  running.child.kill("SIGINT")
  const { code, stdout, stderr } = await running.ended
  expect([code, stderr]).toEqual([130, "transportd: detached; it goes on: `transportd attach line`\n"])
  return stdout
}

async function countsOf(sandbox: Sandbox): Promise<Counts> {
  const { channels } = await sandbox.json<RequestResult<"transport/describe">>([
    "call",
    "transport/describe",
    '{"transport":"line"}',
  ])
  return channels[0] as Counts
}

/** The counts when they are enough, and nothing moves any more: two looks agree. */
async function settled(sandbox: Sandbox, isEnough: (counts: Counts) => boolean): Promise<Counts> {
  for (let before = ""; ;) {
    const counts = await countsOf(sandbox)
    if (isEnough(counts) && JSON.stringify(counts) === before) return counts
    before = JSON.stringify(counts)
  }
}

/** A way to the daemon that can be cut, with all connections that go over it. */
async function proxy(sandbox: Sandbox): Promise<{ path: string; cut(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: sandbox.socket, allowHalfOpen: true })
    for (const socket of [near, far]) sockets.add(socket.on("error", () => {}))
    near.pipe(far).pipe(near)
  })
  const path = join(sandbox.folder, "proxy.sock")
  await once(server.listen(path), "listening")
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  onTestFinished(() => {
    cut()
    server.close()
  })
  return { path, cut }
}

describe("attach and connect --keep", () => {
  it.each(["connect --keep", "attach"])("%s moves its bytes over a tunnel, each of them once", async (verb) => {
    await using sandbox = new Sandbox()
    const { keeper, remote } = await connected(sandbox)
    if (verb === "attach") await leave(keeper)
    const running = verb === "attach" ? sandbox.start(["attach", "line"]) : keeper
    const [there, back] = [randomBytes(20 * MiB), randomBytes(20 * MiB)]
    const atRemote = new Recorder(remote)
    running.child.stdin.write(there)
    await atRemote.until(there.length)
    // What came in messages is `written`, and what came over a tunnel is not.
    expect(await countsOf(sandbox)).toMatchObject({ written: 0, moved: there.length })
    running.child.stdin.end()
    remote.end(back)
    expect(await running.ended).toMatchObject({ code: 0, stderr: "" })
    expect(atRemote.data.equals(there)).toBe(true)
    expect(running.stdout.equals(back)).toBe(true)
  })

  it("begins where it is told", async () => {
    await using sandbox = new Sandbox()
    const { keeper, remote } = await connected(sandbox)
    remote.write("0123456789")
    await keeper.says(/9/, "stdout")
    await leave(keeper)
    for (const [since, stdout] of [
      ["start", "0123456789"],
      ["7", "789"],
    ] as const) {
      const running = sandbox.start(["attach", "--since", since, "line"])
      await running.says(/9/, "stdout")
      expect(await leave(running)).toBe(stdout)
    }
    const late = sandbox.start(["attach", "--since", "now", "-v", "line"])
    await late.says(/attached/)
    remote.end("new")
    expect(await late.ended).toMatchObject({ code: 0, stdout: "new" })
  })

  it("loses and doubles nothing that comes while it is left and attached again under load", async () => {
    await using sandbox = new Sandbox()
    const { remote } = await left(sandbox)
    const data = randomBytes(30 * MiB)
    remote.end(data)
    const parts: Buffer[] = []
    for (let cycle = 0; cycle < 5; cycle++) {
      const running = sandbox.start(["attach", "line"])
      await running.prints((cycle + 1) * 100_000)
      await leave(running)
      parts.push(running.stdout)
    }
    const last = sandbox.start(["attach", "line"])
    expect(await last.ended).toMatchObject({ code: 0, stderr: "" })
    parts.push(last.stdout)
    expect(Buffer.concat(parts).equals(data)).toBe(true)
  })

  it("has printed what is kept nowhere else when it is left, and the next goes on behind that", async () => {
    await using sandbox = new Sandbox()
    await sandbox.startDaemon()
    const { port, accepted } = await listenPeer(untilFinished)
    const options = { name: "line", lifetime: "daemon", retainBytes: 1000 }
    await sandbox.json(["call", "loop/createConnection", JSON.stringify({ host: "127.0.0.1", port, options })])
    const remote = await accepted()
    const piece = randomBytes(100_003)
    const spewer = new Spewer(remote, piece)
    const running = sandbox.start(["attach", "line"], { reads: false })
    await settled(sandbox, ({ received }) => received > 1000)
    running.child.kill("SIGINT")
    await settled(sandbox, ({ received, retained }) => retained.to === received)
    running.read()
    expect(await running.ended).toMatchObject({ code: 130 })
    spewer.stop()
    remote.resume().end()
    const next = sandbox.start(["attach", "line"])
    expect(await next.ended).toMatchObject({ code: 0, stderr: "" })
    const all = Buffer.alloc(spewer.sentBytes, piece)
    expect(Buffer.concat([running.stdout, next.stdout]).equals(all)).toBe(true)
  })

  it("has written what it has read of stdin when it is left, though the remote does not read", async () => {
    await using sandbox = new Sandbox()
    const { remote } = await left(sandbox)
    const data = randomBytes(60 * MiB)
    writeFileSync(join(sandbox.folder, "there"), data)
    const file = openSync(join(sandbox.folder, "there"), "r")
    const atRemote = new Recorder(remote)
    // The place in the file is that of all who read it.
    const attach = ["sh", "-c", 'exec "$0" "$1" attach line <&3', process.execPath, MAIN] as const
    let read = 0
    for (let cycle = 0; cycle < 3; cycle++) {
      remote.pause()
      const before = atRemote.bytes
      const running = sandbox.startProgram(attach, { fds: [file] })
      await settled(sandbox, ({ brought, written }) => brought + written > before)
      await leave(running)
      remote.resume()
      const { brought, written } = await settled(sandbox, () => true)
      await atRemote.until(brought + written)
      const part = atRemote.data.subarray(before)
      const at = data.indexOf(part.subarray(0, 64))
      expect(data.subarray(at, at + part.length).equals(part)).toBe(true)
      // A chunk may have been on its way from the file, and a chunk in the hands of the one that was left.
      expect(at - read).toBeGreaterThanOrEqual(0)
      expect(at - read).toBeLessThanOrEqual(2 * 65_536)
      read = at + part.length
    }
    closeSync(file)
  })

  it("loses and doubles nothing either way when its connections break under load", async () => {
    await using sandbox = new Sandbox()
    const { remote } = await left(sandbox)
    const { path, cut } = await proxy(sandbox)
    const [there, back] = [randomBytes(30 * MiB), randomBytes(30 * MiB)]
    const atRemote = new Recorder(remote)
    remote.write(back)
    const running = sandbox.start(["attach", "--socket", path, "line"])
    running.child.stdin.end(there)
    for (let cuts = 1; cuts <= 5; cuts++) {
      await running.prints(cuts * 4 * MiB)
      cut()
    }
    await atRemote.over
    remote.end()
    expect(await running.ended).toMatchObject({ code: 0, stderr: "" })
    expect(atRemote.data.equals(there)).toBe(true)
    expect(running.stdout.equals(back)).toBe(true)
  })

  it("goes on over another tunnel when its connections break", async () => {
    await using sandbox = new Sandbox()
    const { remote } = await left(sandbox)
    const { path, cut } = await proxy(sandbox)
    const atRemote = new Recorder(remote)
    const running = sandbox.start(["attach", "--socket", path, "line"])
    for (const words of ["one ", "two ", "three "]) {
      const bytes = atRemote.bytes + words.length
      running.child.stdin.write(words)
      await atRemote.until(bytes)
      remote.write(words)
      await running.prints(bytes)
      cut()
    }
    running.child.stdin.write("four")
    await atRemote.until("one two three four".length)
    expect(await countsOf(sandbox)).toMatchObject({ written: 0 })
    remote.end()
    expect(await running.ended).toEqual({ code: 0, stdout: "one two three ", stderr: "" })
    expect(atRemote.data.toString()).toBe("one two three four")
  })

  it("has printed all that a thief does not get", async () => {
    await using sandbox = new Sandbox()
    const { keeper, remote } = await connected(sandbox)
    const piece = randomBytes(100_003)
    const spewer = new Spewer(remote, piece)
    keeper.child.stdin.write(randomBytes(20 * MiB))
    await keeper.prints(MiB)
    const thief = sandbox.start(["attach", "--steal", "line"])
    const { code, stderr } = await keeper.ended
    expect(code).toBe(4)
    expect(stderr).toMatch(/^transportd: client \d+ took over transport \d+\n$/)
    spewer.stop()
    remote.resume().end()
    expect((await thief.ended).code).toBe(0)
    const all = Buffer.alloc(spewer.sentBytes, piece)
    expect(Buffer.concat([keeper.stdout, thief.stdout]).equals(all)).toBe(true)
  })

  it("leaves at the second Ctrl-C whatever the daemon does", async () => {
    await using sandbox = new Sandbox()
    const { pid, keeper } = await connected(sandbox)
    process.kill(pid, "SIGSTOP")
    while (keeper.child.exitCode === null) {
      keeper.child.kill("SIGINT")
      await new Promise((resolve) => setImmediate(resolve))
    }
    process.kill(pid, "SIGCONT")
    expect(await keeper.ended).toEqual({ code: 130, stdout: "", stderr: "" })
  })

  it("ends with 5 when the daemon is gone", async () => {
    await using sandbox = new Sandbox()
    const { pid, keeper, remote } = await connected(sandbox)
    remote.write("hello")
    await keeper.says(/hello/, "stdout")
    process.kill(pid, "SIGKILL")
    expect(await keeper.ended).toMatchObject({ code: 5, stdout: "hello" })
  })
})
