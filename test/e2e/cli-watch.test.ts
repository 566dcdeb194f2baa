/** Watching the daemon at work: top, events, ls --long. */
import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { MAIN, Sandbox } from "../cli/sandbox.ts"

interface Sample {
  readonly uptimeMs: number
  readonly transports: ReadonlyArray<{ readonly name?: string; readonly inBytesPerSecond: number | null }>
}

async function withPrograms(): Promise<Sandbox> {
  const sandbox = new Sandbox()
  await sandbox.startDaemon()
  for (const name of ["one", "two"]) {
    expect((await sandbox.run(["run", "-d", "--name", name, "cat"])).code).toBe(0)
  }
  return sandbox
}

describe("transportd top", () => {
  it("--once prints one picture, without what a terminal would obey", async () => {
    await using sandbox = await withPrograms()
    const { code, stdout, stderr } = await sandbox.run(["top", "--once"])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).not.toContain("\x1b")
    expect(stdout).toMatch(/^transportd \d+, up .*transportd\.sock\nmemory .*loop delay .* ms\nclients 0, ever \d/)
    expect(stdout).toMatch(/^ID {2}KIND {8}NAME {2}STATE {2}OWNER .*UNREAD {2}UNFLUSHED$/m)
    expect(stdout).toMatch(/^ *\d+ {2}subprocess {2}two {3}open {7}- /m)
    expect(stdout).toMatch(/^CLIENT {2}NAME /m)
  })

  it("--json prints a line per sample, with rates from the second on, until Ctrl-C", async () => {
    await using sandbox = await withPrograms()
    const once = await sandbox.json<Sample>(["top", "--once", "--json"])
    expect(once.transports).toMatchObject([{ name: "one", inBytesPerSecond: null }, { name: "two" }])
    const running = sandbox.start(["top", "--json", "--interval", "50"])
    await running.says(/(?:[^\n]*\n){3}/, "stdout")
    running.child.kill("SIGINT")
    const { code, stdout, stderr } = await running.ended
    expect([code, stderr]).toEqual([130, ""])
    const [first, second] = stdout.split("\n").map((line) => (line === "" ? null : (JSON.parse(line) as Sample)))
    expect(second?.uptimeMs).toBeGreaterThan(first?.uptimeMs ?? Infinity)
    expect(second?.transports).toMatchObject([{ name: "one", inBytesPerSecond: 0 }, { name: "two" }])
  })

  it("draws on terminals alone", async () => {
    await using sandbox = await withPrograms()
    const { code, stdout, stderr } = await sandbox.run(["top"])
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(/^transportd: [^\n]*--once[^\n]*\n$/)
  })

  const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0

  it.skipIf(!hasScript).each([
    ["q", 0],
    ["\x03", 130],
  ])("leaves the terminal as it was after %j", async (key, status) => {
    await using sandbox = await withPrograms()
    const command = `'${process.execPath}' '${MAIN}' top --interval 50; echo "status $?"; stty -a`
    const running = sandbox.startProgram(["script", "-qec", command, "/dev/null"], { env: { TERM: "xterm" } })
    await running.says(/q quits/, "stdout")
    running.child.stdin.write(key)
    const { stdout } = await running.ended
    expect(stdout).toContain("\x1b[?1049h")
    const [, after = ""] = stdout.split("\x1b[?1049l")
    expect(after).toContain(`status ${status}`)
    expect(after).toMatch(/ icanon /)
    expect(stdout).toContain("\x1b[?25h")
  })

  it("ends with 5 when the daemon does", async () => {
    await using sandbox = await withPrograms()
    const running = sandbox.start(["top", "--json", "--interval", "50"])
    await running.says(/\n/, "stdout")
    expect((await sandbox.run(["stop"])).code).toBe(0)
    const { code, stderr } = await running.ended
    expect(code).toBe(5)
    expect(stderr).toMatch(/^transportd: [^\n]+\n$/)
  })
})

describe("transportd events", () => {
  it("says what begins and ends, in words or as JSON, until Ctrl-C", async () => {
    await using sandbox = await withPrograms()
    const watchers = [["-v"], ["-v", "--json"]].map((args) => sandbox.start(["events", ...args]))
    for (const watcher of watchers) await watcher.says(/watching\n/)
    expect((await sandbox.run(["run", "-d", "--name", "new", "true"])).code).toBe(0)
    const [words, lines] = watchers as [(typeof watchers)[0], (typeof watchers)[0]]
    await words.says(/^\d\d:\d\d:\d\d {2}opened {8}subprocess \d+ new, client \d+\n/m, "stdout")
    await words.says(/^\d\d:\d\d:\d\d {2}ended {9}subprocess \d+ new\n/m, "stdout")
    await lines.says(/"event":"opened","transport":\d+,"kind":"subprocess","name":"new"/, "stdout")
    await lines.says(/"event":"ended"/, "stdout")
    for (const watcher of watchers) {
      watcher.child.kill("SIGINT")
      expect((await watcher.ended).code).toBe(130)
    }
    for (const line of lines.stdout.toString().trimEnd().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({
        time: expect.any(String) as string,
        event: expect.any(String) as string,
      })
    }
  })

  it("ends with 5 when the daemon does", async () => {
    await using sandbox = await withPrograms()
    const watcher = sandbox.start(["events", "-v"])
    await watcher.says(/watching/)
    expect((await sandbox.run(["stop"])).code).toBe(0)
    const { code, stderr } = await watcher.ended
    expect([code, stderr.split("\n").at(-2)]).toEqual([5, "transportd: the daemon ended"])
  })
})

describe("transportd ls --long", () => {
  it("shows lifetime, what is kept and who watches", async () => {
    await using sandbox = await withPrograms()
    const owner = sandbox.start(["attach", "one"])
    owner.child.stdin.write("hello")
    await owner.says(/hello/, "stdout")
    const observer = sandbox.start(["logs", "-f", "one"])
    await observer.says(/hello/, "stdout")
    const { stdout } = await sandbox.run(["ls", "--long"])
    expect(stdout).toMatch(/^ID .* OWNER {2}LIFETIME {2}KEPT {2}OBSERVERS$/m)
    expect(stdout).toMatch(/ one .* +\d+ {2}daemon +5 +\d+$/m)
    expect(stdout).toMatch(/ two .* +- {2}daemon +0 +-$/m)
    const rows = await sandbox.json<unknown[]>(["ls", "--json"])
    expect(rows[0]).toMatchObject({
      lifetime: "daemon",
      retainedBytes: 5,
      attachments: [{ role: "owner" }, { role: "observer" }],
    })
    owner.child.stdin.end()
    expect((await owner.ended).code).toBe(0)
    expect((await observer.ended).code).toBe(0)
  })
})
