/** `transportd stdio` as an editor or a script starts it: both framings, its end, and nothing lost on the way out. */
import { execFileSync } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { canReceiveRights } from "../../daemon/native/rights.ts"
import { MAIN, Sandbox } from "../cli/sandbox.ts"
import { openForReading, openForWriting } from "../support/pipes.ts"

interface Answer {
  readonly id: number
  readonly result: Record<string, unknown>
}

const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: 1 } }
const info = { jsonrpc: "2.0", id: 2, method: "daemon/info" }
const shutdown = { jsonrpc: "2.0", id: 3, method: "shutdown" }
const exit = { jsonrpc: "2.0", method: "exit" }

function lines(...messages: object[]): string {
  return messages.map((message) => `${JSON.stringify(message)}\n`).join("")
}

/** Frames as a person would write them, apart from the code under test. */
function frames(...messages: object[]): string {
  return messages
    .map((message) => JSON.stringify(message))
    .map((body) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    .join("")
}

function answersIn(stdout: string): Answer[] {
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Answer]))
}

describe("transportd stdio", () => {
  it("answers frames with frames", async () => {
    await using sandbox = new Sandbox()
    const input = frames(initialize, info, shutdown, exit)
    const { code, stdout, stderr } = await sandbox.run(["stdio"], { input })
    expect([code, stderr]).toEqual([0, ""])
    const bodies = stdout.split(/Content-Length: \d+\r\n\r\n/).slice(1)
    expect(bodies.map((body) => (JSON.parse(body) as Answer).id)).toEqual([1, 2, 3])
    expect(stdout).toBe(frames(...bodies.map((body) => JSON.parse(body) as Answer)))
  })

  it.each([
    ["an option", ["--framing", "newline"], {}],
    ["the environment", [], { TRANSPORTD_FRAMING: "newline" }],
  ])("answers lines with lines, by %s", async (_, args, env) => {
    await using sandbox = new Sandbox()
    const input = lines(initialize, info, shutdown, exit)
    const { code, stdout } = await sandbox.run(["stdio", ...args], { input, env })
    expect(code).toBe(0)
    const answers = answersIn(stdout)
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(answers[1]?.result).toMatchObject({ name: "transportd", socket: null })
  })

  it("answers what comes behind the daemon's end with ShuttingDown", async () => {
    await using sandbox = new Sandbox()
    const input = lines(initialize, { jsonrpc: "2.0", id: 2, method: "daemon/shutdown" }, { ...info, id: 3 })
    const { stdout } = await sandbox.run(["stdio", "--framing=newline"], { input })
    expect(answersIn(stdout).slice(1)).toMatchObject([
      { id: 2, result: null },
      { id: 3, error: { code: 1002 } },
    ])
  })

  // Those behind a gap need the C library; the first dozen Node keeps by itself.
  it.skipIf(!canReceiveRights())("keeps what it inherited from its children (needs koffi)", async () => {
    await using sandbox = new Sandbox()
    const fd = openSync(MAIN, "r")
    const command = [process.execPath, MAIN, "stdio", "--framing=newline"] as const
    const stdio = sandbox.startProgram(command, { fds: [...Array.from({ length: 20 }, () => "ignore" as const), fd] })
    closeSync(fd)
    const params = { program: "ls", args: ["/proc/self/fd"], stdin: "null", options: { encoding: "utf8" } }
    stdio.child.stdin.write(lines(initialize, { jsonrpc: "2.0", id: 2, method: "loop/subprocessExec", params }))
    await stdio.says(/protocol\/connectionLost/, "stdout")
    stdio.child.stdin.end()
    // What `ls` has open beside its three is the folder that it lists.
    expect((await stdio.ended).stdout).toContain('"text":"0\\n1\\n2\\n3\\n"')
  })

  it("prefers the option to the environment", async () => {
    await using sandbox = new Sandbox({ TRANSPORTD_FRAMING: "newline" })
    const { stdout } = await sandbox.run(["stdio", "--framing=header"], { input: frames(initialize, shutdown, exit) })
    expect(stdout).toMatch(/^Content-Length: /)
  })

  it.each([
    ["exit after shutdown", lines(initialize, shutdown, exit), 0],
    ["exit without shutdown", lines(initialize, exit), 1],
    ["exit alone", lines(exit), 1],
    ["end of input", lines(initialize), 0],
    ["no input at all", "", 0],
  ])("after %s ends with %3$i", async (_, input, code) => {
    await using sandbox = new Sandbox()
    expect((await sandbox.run(["stdio", "--framing=newline"], { input })).code).toBe(code)
  })

  it("ends only when all was read: far more than a pipe holds", async () => {
    await using sandbox = new Sandbox({ TRANSPORTD_LOG_LEVEL: "info" })
    const running = sandbox.start(["stdio", "--framing=newline"], { reads: false })
    const questions = Array.from({ length: 20 }, (_, index) => ({ ...info, id: 10 + index, method: "rpc.discover" }))
    running.child.stdin.end(lines(initialize, ...questions, shutdown, exit))
    // The daemon has ended, and most of what it said is still on this side of the pipe.
    await running.says(/client gone/)
    running.read()
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(Buffer.byteLength(stdout)).toBeGreaterThan(512 * 1024)
    expect(answersIn(stdout)).toHaveLength(22)
  })

  it.skipIf(process.platform !== "linux")("gives descriptors that it inherited to children", async () => {
    await using sandbox = new Sandbox()
    const path = join(sandbox.folder, "pipe")
    execFileSync("mkfifo", [path])
    const reading = openForReading(path)
    const writing = openForWriting(path)
    const running = sandbox.startProgram([process.execPath, MAIN, "stdio", "--framing=newline"], { fds: [writing] })
    closeSync(writing)
    const params = { command: "echo by number >&5", stdout: "null", fds: { 5: 3 } }
    running.child.stdin.write(lines(initialize, { jsonrpc: "2.0", id: 2, method: "loop/subprocessShell", params }))
    await running.says(/"protocol\/connectionLost"/, "stdout")
    // Its end of file shows that nobody else has it any more, the daemon included.
    expect(readFileSync(reading, "utf8")).toBe("by number\n")
    closeSync(reading)
    running.child.stdin.end()
    expect((await running.ended).code).toBe(0)
  })

  it("leaves Ctrl-C to the client, and ends in order on SIGTERM", async () => {
    await using sandbox = new Sandbox()
    const running = sandbox.start(["stdio", "--framing=newline"])
    running.child.stdin.write(lines(initialize))
    await running.says(/"id":1/, "stdout")
    running.child.kill("SIGINT")
    running.child.kill("SIGHUP")
    running.child.stdin.write(lines(info))
    await running.says(/"id":2/, "stdout")
    running.child.kill("SIGTERM")
    expect((await running.ended).code).toBe(0)
  })

  it.skipIf(!existsSync("/usr/bin/script"))("refuses a terminal", async () => {
    await using sandbox = new Sandbox()
    const command = `'${process.execPath}' '${MAIN}' stdio`
    const { code, stdout } = await sandbox.startProgram(["script", "-qec", command, "/dev/null"]).ended
    expect(code).toBe(2)
    expect(stdout.trim()).toMatch(/^transportd: stdio speaks JSON-RPC [^\n]+$/)
  })
})
