/** The command as a script sees it: help, usage, data on stdout, talk on stderr, and the exit status of each verb. */
import { existsSync, readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { EXIT_CODES } from "../../cli/exitCodes.ts"
import { VERBS } from "../../cli/verbs/index.ts"
import { MAIN, Sandbox } from "../cli/sandbox.ts"

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string
}

/** What goes to stderr is one sentence. */
const SENTENCE = /^transportd: [^\n]+\n$/

describe("transportd", () => {
  let sandbox: Sandbox
  beforeAll(() => void (sandbox = new Sandbox()))
  afterAll(async () => sandbox[Symbol.asyncDispose]())

  it("says its version", async () => {
    expect(await sandbox.run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" })
  })

  it("lists all verbs and every exit status in its help", async () => {
    const { code, stdout, stderr } = await sandbox.run(["--help"])
    expect([code, stderr]).toEqual([0, ""])
    for (const name of Object.keys(VERBS)) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"))
    for (const { code, meaning } of Object.values(EXIT_CODES)) expect(stdout).toContain(`${code}  ${meaning}`)
  })

  it.each(Object.keys(VERBS))("%s has a help with an example", async (name) => {
    const { code, stdout, stderr } = await sandbox.run([name, "--help"])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toContain(VERBS[name]?.summary.split(" ").slice(0, 4).join(" "))
    expect(stdout).toMatch(/^Example:\n  \S.*transportd |^Example:\n  transportd /m)
    expect((await sandbox.run(["help", name])).stdout).toBe(stdout)
  })

  it.each([
    [[]],
    [["nosuch"]],
    [["--nosuch"]],
    [["ls", "--nosuch"]],
    [["ls", "operand"]],
    [["connect"]],
    [["connect", "nohost"]],
    [["connect", "::1:80"]],
    [["listen", "port"]],
    [["run"]],
    [["attach"]],
    [["attach", "--observe", "--steal", "1"]],
    [["logs", "1", "--bytes", "few"]],
    [["kill", "1", "2"]],
    [["close"]],
    [["top", "--interval", "soon"]],
    [["call"]],
    [["call", "daemon/info", "{"]],
    [["call", "daemon/info", "[1]"]],
    [["stop", "--timeout", "soon"]],
    [["stdio", "--framing", "pigeon"]],
  ])("refuses %j as wrong usage", async (args) => {
    const { code, stdout, stderr } = await sandbox.run(args)
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).not.toBe("")
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it("says where the socket is", async () => {
    expect(await sandbox.run(["socket-path"])).toEqual({ code: 0, stdout: `${sandbox.socket}\n`, stderr: "" })
    const env = { TRANSPORTD_SOCKET: "/tmp/other.sock" }
    expect((await sandbox.run(["socket-path"], { env })).stdout).toBe("/tmp/other.sock\n")
    expect((await sandbox.run(["socket-path", "--socket", "/a"], { env })).stdout).toBe("/a\n")
  })

  it.each([
    ["ls"],
    ["status"],
    ["stop"],
    ["attach", "1"],
    ["logs", "1"],
    ["kill", "1"],
    ["close", "1"],
    ["top", "--once"],
    ["events"],
  ])("%s needs a running daemon, and says how to get one", async (...args) => {
    const { code, stdout, stderr } = await sandbox.run(args)
    expect([code, stdout]).toEqual([3, ""])
    expect(stderr).toMatch(SENTENCE)
    expect(stderr).toContain("`transportd start`")
  })

  it.each([["connect", "127.0.0.1:1"], ["listen", "0"], ["run", "true"], ["call", "daemon/info"], ["discover"]])(
    "%s does not do without the daemon that was named",
    async (...args) => {
      const [verb = "", ...operands] = args
      const path = `${sandbox.folder}/none.sock`
      const { code, stdout, stderr } = await sandbox.run([verb, "--socket", path, ...operands])
      expect([code, stdout]).toEqual([verb === "run" ? 125 : 5, ""])
      expect(stderr).toMatch(SENTENCE)
      expect(stderr).toContain(`\`transportd start --socket ${path}\``)
    },
  )
})

describe("transportd call", () => {
  let sandbox: Sandbox
  beforeAll(() => void (sandbox = new Sandbox()))
  afterAll(async () => sandbox[Symbol.asyncDispose]())

  it("prints the answer of a private daemon, and speaks of that only when asked", async () => {
    const { code, stdout, stderr } = await sandbox.run(["call", "daemon/info"])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(stdout)).toMatchObject({ name: "transportd", version, socket: null, clients: 1 })
    expect((await sandbox.run(["call", "-v", "daemon/info"])).stderr).toMatch(/using a private one\n$/)
  })

  it("takes its params as an operand or from stdin", async () => {
    const args = ["call", "loop/createServer"]
    const { sockets } = await sandbox.json<{ sockets: unknown[] }>([...args, '{"host":"127.0.0.1","port":0}'])
    expect(sockets).toHaveLength(1)
    const piped = await sandbox.json<{ sockets: unknown[] }>([...args, "-"], { input: '{"host":"::1","port":0}' })
    expect(piped.sockets).toMatchObject([{ host: "::1" }])
  })

  it("says an error in a sentence with its name and code, or as JSON", async () => {
    const sentence = await sandbox.run(["call", "no/such"])
    expect([sentence.code, sentence.stdout]).toEqual([1, ""])
    expect(sentence.stderr).toMatch(SENTENCE)
    expect(sentence.stderr).toContain("(MethodNotFound, -32601)")
    const asJson = await sandbox.run(["call", "no/such", "--json"])
    expect([asJson.code, asJson.stderr]).toEqual([1, ""])
    expect(JSON.parse(asJson.stdout)).toMatchObject({ code: -32_601, data: { method: "no/such" } })
  })

  it("is not misled by a framing that is meant for others", async () => {
    const env = { TRANSPORTD_FRAMING: "newline" }
    expect((await sandbox.run(["call", "daemon/info"], { env })).code).toBe(0)
  })
})

describe("transportd discover", () => {
  it("prints the whole document, also to a slow reader", async () => {
    await using sandbox = new Sandbox()
    const running = sandbox.start(["discover"], { reads: false })
    // The first bytes are there: now more than a pipe holds is waiting.
    await new Promise((resolve) => running.child.stdout.once("readable", resolve))
    running.read()
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(Buffer.byteLength(stdout)).toBeGreaterThan(65_536 / 2)
    expect(JSON.parse(stdout)).toMatchObject({ openrpc: expect.any(String) as string })
  })

  it.skipIf(!existsSync("/dev/full"))("says when the disk is full", async () => {
    await using sandbox = new Sandbox()
    const command = ["sh", "-c", 'exec "$0" "$1" discover > /dev/full', process.execPath, MAIN] as const
    const { code, stderr } = await sandbox.startProgram(command).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(SENTENCE)
    expect(stderr).toContain("ENOSPC")
  })

  it("ends quietly when its reader goes", async () => {
    await using sandbox = new Sandbox()
    const running = sandbox.start(["discover"], { reads: false })
    running.child.stdout.destroy()
    expect(await running.ended).toMatchObject({ code: 0, stderr: "" })
  })
})

describe("transportd ls", () => {
  it("lists what the daemon holds, for people and as JSON", async () => {
    await using sandbox = new Sandbox()
    await sandbox.startDaemon()
    expect((await sandbox.run(["ls"])).stdout).toBe("ID  KIND  NAME  STATE  WHERE  IN  OUT  OWNER\n")

    const listener = sandbox.start(["listen", "0"])
    const [, port] = await listener.says(/listening on 127\.0\.0\.1:(\d+)/)
    const connector = sandbox.start(["connect", `127.0.0.1:${port}`])
    connector.child.stdin.write("hello")
    await listener.says(/hello/, "stdout")
    const program = sandbox.start(["run", "cat"])
    program.child.stdin.write("x")
    await program.says(/x/, "stdout")

    const rows = await sandbox.json<unknown[]>(["ls", "--json"])
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: "tcp", state: "open", bytesIn: 0, bytesOut: 5, name: null }),
        expect.objectContaining({ kind: "tcp", state: "open", bytesIn: 5, bytesOut: 0 }),
        expect.objectContaining({ kind: "subprocess", state: "open", bytesIn: 1, bytesOut: 1 }),
      ]),
    )
    const { stdout } = await sandbox.run(["ls"])
    expect(stdout).toContain(` - 127.0.0.1:${port}  `)
    expect(stdout).toMatch(/process \d+/)
    expect(stdout).not.toContain("\x1b")

    for (const { child } of [connector, program]) child.stdin.end()
    expect((await listener.ended).code).toBe(0)
    expect((await connector.ended).code).toBe(0)
    expect((await program.ended).code).toBe(0)
  })
})
