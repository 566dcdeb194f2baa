/** The daemon's life from the command line: in the foreground, in the background, one per socket, and its end. */
import { existsSync, linkSync, readdirSync, statSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { gone } from "../../cli/background.ts"
import { MAIN, Sandbox } from "../cli/sandbox.ts"

/** Runs a program that no SIGTERM ends, and tells its process group. */
async function startStubborn(sandbox: Sandbox): Promise<number> {
  const script = "trap '' TERM; echo $$; while :; do sleep 1; done"
  const [, pid] = await sandbox.start(["run", "--", "sh", "-c", script]).says(/(\d+)\n/, "stdout")
  return Number(pid)
}

describe("transportd serve", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("listens, and ends in order on %s", async (signal) => {
    await using sandbox = new Sandbox()
    const daemon = sandbox.start(["serve"])
    await daemon.says(new RegExp(`^transportd: listening on ${sandbox.socket}\n`))
    expect(statSync(sandbox.socket).mode & 0o777).toBe(0o600)
    expect((await sandbox.json(["call", "daemon/info"])).socket).toBe(sandbox.socket)
    daemon.child.kill(signal)
    expect(await daemon.ended).toMatchObject({ code: 0, stdout: "" })
    expect(readdirSync(dirname(sandbox.socket))).toEqual([])
  })

  it("refuses to be the second on a socket", async () => {
    await using sandbox = new Sandbox()
    const daemon = sandbox.start(["serve"])
    await daemon.says(/listening/)
    const { code, stdout, stderr } = await sandbox.run(["serve"])
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr).toMatch(/^transportd: a daemon already listens on [^\n]+\n$/)
    expect((await sandbox.run(["status"])).code).toBe(0)
  })

  it("ends with clients connected, who hear of it", async () => {
    await using sandbox = new Sandbox()
    const daemon = sandbox.start(["serve"])
    await daemon.says(/listening/)
    const program = sandbox.start(["run", "cat"])
    program.child.stdin.write("x")
    await program.says(/x/, "stdout")
    const listener = sandbox.start(["listen", "0"])
    await listener.says(/listening/)
    daemon.child.kill("SIGTERM")
    expect((await daemon.ended).code).toBe(0)
    expect(existsSync(sandbox.socket)).toBe(false)
    const [lost, deaf] = [await program.ended, await listener.ended]
    expect([lost.code, deaf.code]).toEqual([125, 5])
    for (const { stderr } of [lost, deaf]) expect(stderr).toMatch(/transportd: [^\n]+\n$/)
  })

  it("ends at once on a second signal", async () => {
    await using sandbox = new Sandbox({ TRANSPORTD_LOG_LEVEL: "info", TRANSPORTD_KILL_DEADLINE_MS: "60000" })
    const daemon = sandbox.start(["serve"])
    await daemon.says(/listening/)
    const stubborn = await startStubborn(sandbox)
    daemon.child.kill("SIGTERM")
    await daemon.says(/shutting down/)
    daemon.child.kill("SIGTERM")
    expect((await daemon.ended).code).toBe(128 + 15)
    process.kill(-stubborn, "SIGKILL")
  })

  it("says on a descriptor that it is ready", async () => {
    await using sandbox = new Sandbox()
    const script = `exec 3>&1; exec "$0" "$1" serve --ready-fd 3`
    const daemon = sandbox.startProgram(["sh", "-c", script, process.execPath, MAIN])
    await daemon.says(/^\n$/, "stdout")
    expect((await sandbox.run(["status"])).code).toBe(0)
    daemon.child.kill("SIGTERM")
    expect((await daemon.ended).code).toBe(0)
  })

  it.skipIf(process.platform === "win32")("listens on a socket that it inherits", async () => {
    await using sandbox = new Sandbox()
    const path = join(sandbox.folder, "inherited.sock")
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const { fd } = (server as Server & { readonly _handle: { readonly fd: number } })._handle
    const script = `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$1" serve`
    const daemon = sandbox.startProgram(["sh", "-c", script, process.execPath, MAIN], { fds: [fd] })
    await daemon.says(/listening on inherited descriptor 3/)
    // Both have the socket now, so we must not accept. Our close removes the file, hence another name for it.
    const name = `${path}2`
    linkSync(path, name)
    server.close()
    const info = await sandbox.json(["call", "--socket", name, "daemon/info"])
    expect(info.pid).toBe(daemon.child.pid)
    expect(existsSync(sandbox.socket)).toBe(false)
    daemon.child.kill("SIGTERM")
    expect((await daemon.ended).code).toBe(0)
  })

  it("names the setting that makes no sense", async () => {
    await using sandbox = new Sandbox({ TRANSPORTD_MAX_CLIENTS: "many" })
    const { code, stderr } = await sandbox.run(["serve"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^transportd: \$TRANSPORTD_MAX_CLIENTS: [^\n]+\n$/)
  })
})

describe("transportd start, status and stop", () => {
  it("are the life of a daemon in the background", async () => {
    await using sandbox = new Sandbox()
    expect(await sandbox.run(["status", "--json"])).toEqual({
      code: 3,
      stdout: `${JSON.stringify({ running: false, socket: sandbox.socket })}\n`,
      stderr: "",
    })
    const pid = await sandbox.startDaemon()
    const again = await sandbox.run(["start"])
    expect(again).toEqual({
      code: 0,
      stdout: `already running: process ${pid} on ${sandbox.socket}\n`,
      stderr: "",
    })
    const { code, stdout } = await sandbox.run(["status"])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^process +${pid}$`, "m"))
    const status = await sandbox.json<{ log: string }>(["status", "--json"])
    expect(status).toMatchObject({ running: true, pid, socket: sandbox.socket, version: expect.any(String) as string })
    expect(statSync(status.log).mode & 0o777).toBe(0o600)

    expect(await sandbox.run(["stop"])).toEqual({ code: 0, stdout: `stopped: process ${pid}\n`, stderr: "" })
    expect(await gone(pid, 0)).toBe(true)
    expect(readdirSync(dirname(sandbox.socket))).toEqual([])
    expect((await sandbox.run(["stop"])).code).toBe(3)
  })

  it("start works anew after stop, at once", async () => {
    await using sandbox = new Sandbox()
    const first = await sandbox.startDaemon()
    expect(await sandbox.json(["stop", "--json"])).toEqual({ stopped: true, pid: first })
    const second = await sandbox.startDaemon()
    expect(second).not.toBe(first)
    expect((await sandbox.run(["stop"])).code).toBe(0)
  })

  it("start works after the daemon was killed, over the socket that it left", async () => {
    await using sandbox = new Sandbox()
    const first = await sandbox.startDaemon()
    process.kill(first, "SIGKILL")
    expect(await gone(first, 10_000)).toBe(true)
    expect(existsSync(sandbox.socket)).toBe(true)
    expect((await sandbox.run(["status"])).code).toBe(3)
    const second = await sandbox.startDaemon()
    expect(second).not.toBe(first)
    expect((await sandbox.run(["stop"])).code).toBe(0)
  })

  it("twenty starts at once make one daemon", async () => {
    await using sandbox = new Sandbox()
    const starts = await Promise.all(Array.from({ length: 20 }, () => sandbox.run(["start", "--json"])))
    for (const { stdout } of starts) {
      if (stdout !== "") sandbox.watch((JSON.parse(stdout) as { pid: number }).pid)
    }
    expect(starts.map(({ code, stderr }) => ({ code, stderr }))).toEqual(starts.map(() => ({ code: 0, stderr: "" })))
    const said = starts.map(({ stdout }) => JSON.parse(stdout) as { pid: number; started: boolean })
    expect(said.filter(({ started }) => started)).toHaveLength(1)
    expect(new Set(said.map(({ pid }) => pid)).size).toBe(1)
    expect((await sandbox.run(["stop"])).code).toBe(0)
  }, 120_000)

  it("are apart for each socket", async () => {
    await using sandbox = new Sandbox()
    const other = join(sandbox.folder, "other.sock")
    const [one, two] = [await sandbox.startDaemon(), await sandbox.startDaemon(["--socket", other])]
    expect(one).not.toBe(two)
    expect((await sandbox.run(["stop", "--socket", "other.sock"])).code).toBe(0)
    expect((await sandbox.run(["status", "--socket", other])).code).toBe(3)
    expect((await sandbox.run(["status"])).code).toBe(0)
    expect((await sandbox.run(["stop"])).code).toBe(0)
  })

  it("start says why it did not work, as the log has it", async () => {
    await using sandbox = new Sandbox()
    const long = await sandbox.run(["start", "--socket", `/tmp/${"x".repeat(100)}`])
    expect(long).toMatchObject({ code: 1, stdout: "" })
    expect(long.stderr).toMatch(/^transportd: the daemon did not start: .*at most 103 fit.*\(log: .*\)\n$/)
    const setting = await sandbox.run(["start"], { env: { TRANSPORTD_MAX_CLIENTS: "0" } })
    expect(setting).toMatchObject({ code: 1, stdout: "" })
    expect(setting.stderr).toContain("$TRANSPORTD_MAX_CLIENTS")
  })

  it("start does without a log where none can be written", async () => {
    await using sandbox = new Sandbox()
    const env = { XDG_STATE_HOME: "/dev/null" }
    const { pid } = await sandbox.json<{ pid: number }>(["start", "--json"], { env })
    sandbox.watch(pid)
    expect(await sandbox.json(["status", "--json"], { env })).toMatchObject({ pid, log: null })
    expect((await sandbox.run(["stop"])).code).toBe(0)
  })

  it("stop gives up after its time, and says what is left to do", async () => {
    await using sandbox = new Sandbox({ TRANSPORTD_KILL_DEADLINE_MS: "60000" })
    const pid = await sandbox.startDaemon()
    const stubborn = await startStubborn(sandbox)
    const { code, stdout, stderr } = await sandbox.run(["stop", "--timeout", "0.1"])
    expect([code, stdout]).toEqual([124, ""])
    expect(stderr).toContain(`\`kill -9 ${pid}\``)
    process.kill(pid, "SIGKILL")
    expect(await gone(pid, 10_000)).toBe(true)
    process.kill(-stubborn, "SIGKILL")
  })
})
