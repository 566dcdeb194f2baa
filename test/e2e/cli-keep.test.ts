/** What outlives its command: run --detach and --keep, and coming back to it with attach, logs, kill and close. */
import { connect, createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { Sandbox } from "../cli/sandbox.ts"

/** Says a line, then answers each line it reads; ends with 7 at the end of its input. */
const ANSWERING = ["sh", "-c", "echo ready; while read line; do echo got $line; done; echo end >&2; exit 7"]

interface Row {
  readonly id: number
  readonly state: string
  readonly owner: number | null
}

async function withDaemon(): Promise<Sandbox> {
  const sandbox = new Sandbox()
  await sandbox.startDaemon()
  return sandbox
}

async function detached(sandbox: Sandbox, name: string, command: readonly string[]): Promise<number> {
  const args = ["run", "--detach", "--json", "--name", name, "--", ...command]
  return (await sandbox.json<{ transport: number }>(args)).transport
}

/** Looks until `ls` has what is wanted of transport `id`. */
async function until(sandbox: Sandbox, id: number, wanted: (row: Row) => boolean): Promise<void> {
  for (;;) {
    const row = (await sandbox.json<Row[]>(["ls", "--json"])).find((each) => each.id === id)
    if (row !== undefined && wanted(row)) return
  }
}

const untilEnded = (sandbox: Sandbox, id: number): Promise<void> => until(sandbox, id, ({ state }) => state === "ended")

const untilNobodys = (sandbox: Sandbox, id: number): Promise<void> => until(sandbox, id, ({ owner }) => owner === null)

describe("transportd run --detach", () => {
  it("prints an id at once, and what it started goes on for whoever attaches", async () => {
    await using sandbox = await withDaemon()
    const { code, stdout, stderr } = await sandbox.run(["run", "-d", "--", ...ANSWERING])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/^\d+\n$/)
    const attached = await sandbox.run(["attach", stdout.trim()], { input: "one\ntwo\n" })
    expect(attached).toEqual({ code: 7, stdout: "ready\ngot one\ngot two\n", stderr: "end\n" })
  })

  it("loses nothing of what was said before anybody attached", async () => {
    await using sandbox = await withDaemon()
    await detached(sandbox, "loud", ["sh", "-c", "head -c 500000 /dev/zero; read x"])
    const { code, stdout } = await sandbox.run(["attach", "loud"], { input: "\n" })
    expect([code, stdout.length]).toEqual([0, 500_000])
  })

  it("gives all and the status also to who attaches after the end", async () => {
    await using sandbox = await withDaemon()
    const id = await detached(sandbox, "short", ["sh", "-c", "echo out; echo err >&2; exit 3"])
    await untilEnded(sandbox, id)
    expect(await sandbox.run(["attach", "short"])).toEqual({ code: 3, stdout: "out\n", stderr: "err\n" })
  })

  it("keeps as much as was asked for, and says what is lost", async () => {
    await using sandbox = await withDaemon()
    const args = ["run", "-d", "--name", "much", "--retain", "1000", "--", "sh", "-c", "head -c 300000 /dev/zero"]
    expect((await sandbox.run(args)).code).toBe(0)
    const [{ id } = { id: 0 }] = await sandbox.json<Row[]>(["ls", "--json"])
    await untilEnded(sandbox, id)
    const { code, stdout, stderr } = await sandbox.run(["attach", "much"])
    expect([code, stdout.length]).toEqual([0, 1000])
    expect(stderr).toMatch(/^transportd: 299000 bytes of stdout are lost here[^\n]*\n$/)
  })

  it("needs a running daemon, a free name, and no --keep", async () => {
    await using sandbox = new Sandbox()
    const alone = await sandbox.run(["run", "-d", "true"])
    expect([alone.code, alone.stdout]).toEqual([125, ""])
    expect(alone.stderr).toContain("`transportd start`")
    expect((await sandbox.run(["run", "-d", "--keep", "true"])).code).toBe(2)
    expect((await sandbox.run(["run", "--retain", "much", "true"])).code).toBe(2)
    await sandbox.startDaemon()
    await detached(sandbox, "taken", ["cat"])
    const second = await sandbox.run(["run", "-d", "--name", "taken", "cat"])
    expect([second.code, second.stdout]).toEqual([125, ""])
    expect(second.stderr).toMatch(/^transportd: [^\n]*"taken"[^\n]*\n$/)
    expect((await sandbox.run(["run", "-d", "nosuch-program"])).code).toBe(127)
  })
})

describe("transportd run --keep", () => {
  it("feels like run, and goes on when its terminal goes", async () => {
    await using sandbox = await withDaemon()
    const running = sandbox.start(["run", "--keep", "--name", "kept", "--", ...ANSWERING])
    running.child.stdin.write("one\n")
    await running.says(/got one\n/, "stdout")
    running.child.kill("SIGHUP")
    const { code, stderr } = await running.ended
    expect(code).toBe(129)
    expect(stderr).toContain("`transportd attach kept`")
    // Not a byte twice.
    expect(await sandbox.run(["attach", "kept"], { input: "two\n" })).toEqual({
      code: 7,
      stdout: "got two\n",
      stderr: "end\n",
    })
  })

  it("goes on when it is killed", async () => {
    await using sandbox = await withDaemon()
    const running = sandbox.start(["run", "--keep", "-v", "--", ...ANSWERING])
    const [, id = ""] = await running.says(/transport (\d+)/)
    await running.says(/ready/, "stdout")
    running.child.kill("SIGKILL")
    await running.ended
    await untilNobodys(sandbox, Number(id))
    const again = await sandbox.run(["attach", "--since", "start", id], { input: "two\n" })
    expect(again).toMatchObject({ code: 7, stdout: "ready\ngot two\n" })
  })
})

describe("transportd attach", () => {
  it("leaves on Ctrl-C, and the next goes on behind the last byte", async () => {
    await using sandbox = await withDaemon()
    await detached(sandbox, "web", ANSWERING)
    const first = sandbox.start(["attach", "web"])
    first.child.stdin.write("one\n")
    await first.says(/got one\n/, "stdout")
    first.child.kill("SIGINT")
    expect(await first.ended).toMatchObject({ code: 130, stdout: "ready\ngot one\n" })
    expect(first.stderr).toMatch(/^transportd: detached[^\n]*`transportd attach web`\n$/)
    const second = await sandbox.run(["attach", "web"], { input: "two\n" })
    expect(second).toMatchObject({ code: 7, stdout: "got two\n" })
  })

  it("begins where it is told", async () => {
    await using sandbox = await withDaemon()
    const id = await detached(sandbox, "four", ["sh", "-c", "printf 0123456789; printf abc >&2"])
    await untilEnded(sandbox, id)
    const since = async (where: string): Promise<string> => {
      const { stdout, stderr } = await sandbox.run(["attach", "four", "--observe", "--since", where])
      return stdout + stderr
    }
    expect(await since("start")).toBe("0123456789abc")
    expect(await since("7")).toBe("789")
    expect(await since("2")).toBe("23456789c")
    expect(await since("now")).toBe("")
    expect((await sandbox.run(["attach", "four", "--since", "soon"])).code).toBe(2)
  })

  it("lets two watch while one works", async () => {
    await using sandbox = await withDaemon()
    await detached(sandbox, "shared", ANSWERING)
    const owner = sandbox.start(["attach", "shared"])
    await owner.says(/ready/, "stdout")
    const observers = [1, 2].map(() => sandbox.start(["attach", "--observe", "--since", "start", "shared"]))
    for (const observer of observers) await observer.says(/ready/, "stdout")
    owner.child.stdin.write("one\n")
    for (const observer of observers) await observer.says(/got one/, "stdout")
    // An observer that leaves, or whose input ends, disturbs nobody.
    observers[0]?.child.stdin.end()
    observers[0]?.child.kill("SIGINT")
    expect(await observers[0]?.ended).toMatchObject({ code: 130, stderr: "" })
    owner.child.stdin.end("two\n")
    const all = { code: 7, stdout: "ready\ngot one\ngot two\n", stderr: "end\n" }
    expect(await owner.ended).toEqual(all)
    expect(await observers[1]?.ended).toEqual(all)
  })

  it("steals only when asked, and says so to who had it", async () => {
    await using sandbox = await withDaemon()
    await detached(sandbox, "wanted", ANSWERING)
    const first = sandbox.start(["attach", "wanted"])
    await first.says(/ready/, "stdout")
    const refused = await sandbox.run(["attach", "wanted"])
    expect([refused.code, refused.stdout]).toEqual([4, ""])
    expect(refused.stderr).toMatch(/^transportd: [^\n]*belongs to another client[^\n]*\n$/)
    const thief = sandbox.start(["attach", "--steal", "wanted"])
    const { code, stderr } = await first.ended
    expect(code).toBe(4)
    expect(stderr).toMatch(/^transportd: client \d+ took over transport \d+\n$/)
    thief.child.stdin.end("one\n")
    expect((await thief.ended).code).toBe(7)
  })

  it("says when there is nothing of that name", async () => {
    await using sandbox = await withDaemon()
    for (const verb of ["attach", "logs", "kill", "close"]) {
      const { code, stdout, stderr } = await sandbox.run([verb, "nosuch"])
      expect([code, stdout], verb).toEqual([3, ""])
      expect(stderr).toBe('transportd: there is no transport "nosuch"\n')
    }
  })

  it("comes back by itself when its connection breaks", async () => {
    await using sandbox = await withDaemon()
    await detached(sandbox, "far", ANSWERING)
    const sockets = new Set<Socket>()
    const proxy: Server = createServer((near) => {
      const far = connect(sandbox.socket)
      for (const socket of [near, far]) sockets.add(socket.on("error", () => {}))
      near.pipe(far).pipe(near)
    })
    const path = join(sandbox.folder, "proxy.sock")
    await new Promise<void>((resolve) => proxy.listen(path, resolve))
    const running = sandbox.start(["attach", "--socket", path, "far"])
    running.child.stdin.write("one\n")
    await running.says(/got one/, "stdout")
    for (const socket of sockets) socket.destroy()
    running.child.stdin.end("two\n")
    expect(await running.ended).toEqual({ code: 7, stdout: "ready\ngot one\ngot two\n", stderr: "end\n" })
    proxy.close()
  })

  it("ends with 5 when the daemon is gone", async () => {
    await using sandbox = new Sandbox()
    const pid = await sandbox.startDaemon()
    const id = await sandbox.json<{ pid: number }>(["run", "-d", "--json", "--name", "orphan", "cat"])
    const running = sandbox.start(["attach", "orphan"])
    running.child.stdin.write("x\n")
    await running.says(/x/, "stdout")
    process.kill(pid, "SIGKILL")
    expect((await running.ended).code).toBe(5)
    sandbox.watch(id.pid)
  })
})

describe("transportd connect --keep", () => {
  it("leaves the connection for attach, which ends with it", async () => {
    await using sandbox = await withDaemon()
    let remote: Socket | undefined
    const server = createServer((socket) => (remote = socket.on("error", () => {})))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as { port: number }
    const first = sandbox.start(["connect", "--keep", "--name", "line", `127.0.0.1:${port}`])
    while (remote === undefined) await new Promise((resolve) => server.once("connection", resolve))
    remote.write("one ")
    await first.says(/one /, "stdout")
    first.child.kill("SIGINT")
    expect(await first.ended).toMatchObject({ code: 130, stdout: "one " })
    remote.write("two ")
    const second = sandbox.start(["attach", "line"])
    await second.says(/two /, "stdout")
    second.child.stdin.write("back")
    expect(await new Promise((resolve) => remote?.once("data", (data) => resolve(data.toString())))).toBe("back")
    const observer = sandbox.start(["attach", "--observe", "--since", "start", "line"])
    await observer.says(/one two /, "stdout")
    remote.end("three")
    expect(await second.ended).toEqual({ code: 0, stdout: "two three", stderr: "" })
    expect(await observer.ended).toEqual({ code: 0, stdout: "one two three", stderr: "" })
    server.close()
  })
})

describe("transportd logs", () => {
  it("prints what is kept, each output to its own, and ends while the program goes on", async () => {
    await using sandbox = await withDaemon()
    await detached(sandbox, "web", ["sh", "-c", "echo err >&2; echo out; read x; echo late"])
    const follower = sandbox.start(["logs", "-f", "web"])
    await follower.says(/out\n/, "stdout")
    await follower.says(/err\n/)
    // Twice, since it takes nothing away.
    for (let times = 0; times < 2; times++) {
      expect(await sandbox.run(["logs", "web"])).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" })
    }
    expect(await sandbox.run(["logs", "web", "--bytes", "2"])).toEqual({ code: 0, stdout: "t\n", stderr: "r\n" })
    expect(await sandbox.run(["logs", "web", "--bytes", "0"])).toEqual({ code: 0, stdout: "", stderr: "" })
    const attached = await sandbox.run(["attach", "web"], { input: "\n" })
    expect(attached).toEqual({ code: 0, stdout: "out\nlate\n", stderr: "err\n" })
    expect(await follower.ended).toEqual({ code: 0, stdout: "out\nlate\n", stderr: "err\n" })
    expect((await sandbox.run(["logs", "web"])).stdout).toBe("out\nlate\n")
  })
})

describe("transportd kill and close", () => {
  it("kill sends a signal, SIGTERM by default", async () => {
    await using sandbox = await withDaemon()
    const script = `
      let times = 0
      process.on("SIGHUP", () => console.log("hup", ++times))
      process.stdin.resume()
      console.log("ready")`
    await detached(sandbox, "p", [process.execPath, "-e", script])
    const watcher = sandbox.start(["logs", "-f", "p"])
    await watcher.says(/ready/, "stdout")
    for (const [index, signal] of [
      ["--signal", "HUP"],
      ["-s", "sighup"],
      ["-s", "1"],
    ].entries()) {
      expect(await sandbox.run(["kill", "p", ...signal])).toEqual({ code: 0, stdout: "", stderr: "" })
      await watcher.says(new RegExp(`hup ${index + 1}\n`), "stdout")
    }
    const id = await detached(sandbox, "q", ["cat"])
    expect((await sandbox.run(["kill", String(id)])).code).toBe(0)
    await untilEnded(sandbox, id)
    expect((await sandbox.run(["attach", "q"])).code).toBe(143)
    const late = await sandbox.run(["kill", "q"])
    expect([late.code, late.stderr]).toEqual([3, `transportd: the process of transport ${id} has ended\n`])
    expect((await sandbox.run(["kill", "p", "-s", "NOSUCH"])).code).toBe(2)
  })

  it("close ends it, with --abort at once, and again is no error", async () => {
    await using sandbox = await withDaemon()
    for (const options of [[], ["--abort"]]) {
      const id = await detached(sandbox, `c${options.length}`, ["sleep", "1000"])
      expect(await sandbox.run(["close", String(id), ...options])).toEqual({ code: 0, stdout: "", stderr: "" })
      await untilEnded(sandbox, id)
      expect((await sandbox.run(["attach", String(id)])).code).toBe(137)
      expect((await sandbox.run(["close", String(id), ...options])).code).toBe(0)
    }
  })

  it("take what is another's only when asked", async () => {
    await using sandbox = await withDaemon()
    const id = await detached(sandbox, "mine", ANSWERING)
    const owner = sandbox.start(["attach", "mine"])
    await owner.says(/ready/, "stdout")
    for (const verb of ["kill", "close"]) {
      const { code, stderr } = await sandbox.run([verb, "mine"])
      expect(code).toBe(4)
      expect(stderr).toMatch(/^transportd: transport \d+ belongs to client \d+; --steal takes it\n$/)
    }
    expect((await sandbox.run(["kill", "--steal", "mine"])).code).toBe(0)
    expect((await owner.ended).code).toBe(4)
    await untilEnded(sandbox, id)
  })
})
