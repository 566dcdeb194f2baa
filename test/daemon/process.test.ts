/**
 * Child processes as asyncio's `SubprocessProtocol` sees them: pipes, exit, signals, environment.
 * The rows of the conformance list that they show are named in brackets.
 */
import { closeSync, readFileSync, writeSync } from "node:fs"
import { mkdtemp, realpath, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { RawClient } from "../support/client.ts"
import { TestClock } from "../support/clock.ts"
import { untilNoProcess } from "../support/leaks.ts"
import { namedPipe, openForReading, openForWriting } from "../support/pipes.ts"
import { cat, holdsPipes, script, shell, spew, stubborn } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

interface Child {
  readonly transport: number
  readonly pid: number
  readonly pipes: Partial<Record<string, number>>
}

interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly returncode: unknown
  readonly signal: unknown
}

async function start(): Promise<RawClient> {
  return await (await harness.startDaemon()).connect()
}

function exec(client: RawClient, params: object): Promise<Child> {
  return client.request<Child>("loop/subprocessExec", params)
}

/** Waits for the end of all of it. */
async function ended(client: RawClient, { transport }: Child): Promise<Ended> {
  await client.lost(transport)
  const { returncode, signal } = (await client.callback(transport, "processExited")).params
  return {
    stdout: client.data(transport, 1).toString(),
    stderr: client.data(transport, 2).toString(),
    returncode,
    signal,
  }
}

async function run(params: object, client?: RawClient): Promise<Ended> {
  const by = client ?? (await start())
  return ended(by, await exec(by, params))
}

function write(client: RawClient, { pipes }: Child, data: string | Buffer): void {
  client.notify("transport/write", { transport: pipes[0], data: Buffer.from(data as string) })
}

describe("output", () => {
  test("comes from each pipe under its own number, all of it before that pipe is lost [PP-2, PP-3, PP-5]", async () => {
    const client = await start()
    const child = await exec(client, shell("echo out; echo err >&2; exit 0"))
    expect(await ended(client, child)).toEqual({ stdout: "out\n", stderr: "err\n", returncode: 0, signal: null })
    const lost = client.of(child.transport).filter(({ method }) => method === "protocol/pipeConnectionLost")
    expect(lost).toHaveLength(3)
    expect(lost.map(({ params }) => params)).toEqual(
      expect.arrayContaining([0, 1, 2].map((fd) => ({ transport: child.transport, fd, error: null }))),
    )
  })

  test("of stderr goes into stdout when asked, in order and without a pipe of its own [ST-5]", async () => {
    const client = await start()
    const child = await exec(client, { ...shell("echo one; echo two >&2; echo three; echo $$"), stderr: "stdout" })
    expect(child.pipes).toEqual({ 0: expect.any(Number), 1: expect.any(Number) })
    expect((await ended(client, child)).stdout).toBe(`one\ntwo\nthree\n${child.pid}\n`)
  })

  test("of many megabytes arrives whole, though the process is long gone", async () => {
    const client = await (await harness.startDaemon()).connect({ flowControl: true })
    const child = await exec(
      client,
      script("process.stdout.write(Buffer.alloc(5000000, 'x')); process.stderr.write('y'.repeat(100000))"),
    )
    const { stdout, stderr } = await ended(client, child)
    expect([stdout.length, stderr.length]).toEqual([5_000_000, 100_000])
  })

  test("that is nobody's goes nowhere: no pipe, no callback [ST-3, ST-4, ST-6]", async () => {
    const client = await start()
    const child = await exec(client, {
      ...shell("cat; echo out; echo err >&2; exec sleep 1000"),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    })
    expect(child.pipes).toEqual({})
    for (const fd of [0, 1, 2, 3, -1]) {
      expect(await client.request("transport/getPipeTransport", { transport: child.transport, fd })).toBeNull()
    }
    await client.request("transport/kill", { transport: child.transport })
    await client.lost(child.transport)
    expect(client.callbacks(child.transport)).toEqual(["connectionMade", "processExited", "connectionLost"])
  })

  test("is paused per pipe, and the other pipe goes on", async () => {
    const client = await start()
    const child = await exec(client, shell("read go; echo out; echo err >&2; read go"))
    await client.request("transport/pauseReading", { transport: child.pipes[1] })
    write(client, child, "go\n")
    await client.callback(child.transport, "pipeDataReceived", 2)
    await client.barrier()
    expect(client.count(child.transport, 1)).toBe(0)
    await client.request("transport/resumeReading", { transport: child.pipes[1] })
    await client.callback(child.transport, "pipeDataReceived", 1)
    write(client, child, "go\n")
    await client.lost(child.transport)
  })
})

describe("input", () => {
  test("reaches the child, and its end ends the child [R-19]", async () => {
    const client = await start()
    const child = await exec(client, cat)
    write(client, child, "hello ")
    write(client, child, "world")
    client.notify("transport/writeEof", { transport: child.pipes[0] })
    expect(await ended(client, child)).toMatchObject({ stdout: "hello world", returncode: 0 })
  })

  test("of 10 MB reaches a child that reads slowly, byte for byte", async () => {
    const client = await start()
    const slow =
      "const h=require('crypto').createHash('sha256');let n=0;process.stdin.on('data',c=>{h.update(c);n+=c.length;" +
      "process.stdin.pause();setImmediate(()=>process.stdin.resume())}).on('end',()=>console.log(n,h.digest('hex')))"
    const child = await exec(client, script(slow))
    const bytes = pattern(10_000_000)
    for (let at = 0; at < bytes.length; at += 1_000_000) write(client, child, bytes.subarray(at, at + 1_000_000))
    client.notify("transport/writeEof", { transport: child.pipes[0] })
    const { createHash } = await import("node:crypto")
    expect((await ended(client, child)).stdout).toBe(`10000000 ${createHash("sha256").update(bytes).digest("hex")}\n`)
    const writing = client.of(child.transport).filter(({ method }) => method.endsWith("Writing"))
    expect(writing[0]).toMatchObject({ method: "protocol/pauseWriting", params: { fd: 0 } })
  })

  test("that nobody reads any more is a broken pipe, and the process goes on", async () => {
    const client = await start()
    const child = await exec(client, shell("exec <&-; echo closed; sleep 1000"))
    await client.callback(child.transport, "pipeDataReceived")
    write(client, child, Buffer.alloc(200_000))
    const { params } = await client.callback(child.transport, "pipeConnectionLost", 0)
    expect(params.error).toMatchObject({ code: 1103, data: { errno: "EPIPE" } })
    expect(await client.request("transport/getReturncode", { transport: child.transport })).toBeNull()
    await client.request("transport/kill", { transport: child.transport })
    await client.lost(child.transport)
  })

  test("is lost in peace when the child leaves with nothing unread [PP-5]", async () => {
    const client = await start()
    const child = await exec(client, shell("exit 0"))
    await client.lost(child.transport)
    expect((await client.callback(child.transport, "pipeConnectionLost", 0)).params.error).toBeNull()
  })
})

describe("the exit", () => {
  test.each([0, 1, 3, 255])("with status %i says just that [ST-7]", async (status) => {
    expect(await run(shell(`exit ${status}`))).toMatchObject({ returncode: status, signal: null })
  })

  test.each([
    ["SIGKILL", 9],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
    ["SIGSEGV", 11],
  ])("by %s is minus its number [ST-7, ST-11]", async (signal, number) => {
    const client = await start()
    const child = await exec(client, { program: "sleep", args: ["1000"] })
    await client.request("transport/sendSignal", { transport: child.transport, signal })
    expect(await ended(client, child)).toMatchObject({ returncode: -number, signal })
  })

  test("comes once, and the return code is there before it [ST-7, PP-7]", async () => {
    const client = await start()
    const child = await exec(client, shell("read line; exit 7"))
    expect(await client.request("transport/getReturncode", { transport: child.transport })).toBeNull()
    expect(await client.request("transport/getPid", { transport: child.transport })).toBe(child.pid)
    write(client, child, "\n")
    expect(await ended(client, child)).toMatchObject({ returncode: 7 })
  })

  test("before any output is told behind connectionMade all the same [P-13]", async () => {
    const client = await start()
    const child = await exec(client, { program: "true" })
    await client.lost(child.transport)
    expect(client.callbacks(child.transport)[0]).toBe("connectionMade")
    expect(client.callbacks(child.transport).at(-1)).toBe("connectionLost")
  })

  test("of a child whose grandchild holds the pipes is told at once, and the pipes are let go after drainMs [PP-7]", async () => {
    const clock = new TestClock()
    const client = await (await harness.startDaemon({ clock })).connect()
    const child = await exec(client, { ...holdsPipes, drainMs: 500 })
    const { params } = await client.callback(child.transport, "processExited")
    expect(params).toMatchObject({ returncode: 3, outputMayBeIncomplete: true })
    clock.advance(499)
    await client.barrier()
    expect(client.callbacks(child.transport)).not.toContain("connectionLost")
    clock.advance(1000)
    await client.lost(child.transport)
    const lost = await client.callback(child.transport, "pipeConnectionLost", 1)
    expect(lost.params.error).toMatchObject({ code: 1203, data: { operation: "drain", timeoutMs: 500 } })
    expect(client.data(child.transport, 1).toString()).toMatch(/^\d+\n$/)
  })

  test("is followed by close without a wait for whoever holds the pipes [ST-15]", async () => {
    const clock = new TestClock()
    const client = await (await harness.startDaemon({ clock })).connect()
    const child = await exec(client, holdsPipes)
    await client.callback(child.transport, "processExited")
    await client.request("transport/close", { transport: child.transport })
    await client.lost(child.transport)
  })
})

describe("signals", () => {
  test("reach the process alone, and it may answer them [ST-11, ST-12]", async () => {
    const client = await start()
    const child = await exec(
      client,
      shell('trap "echo usr1" USR1; trap "exit 5" TERM; echo ready; while :; do sleep 0.01; done'),
    )
    await client.callback(child.transport, "pipeDataReceived")
    client.notify("transport/sendSignal", { transport: child.transport, signal: "SIGUSR1" })
    await client.until(() => client.data(child.transport, 1).includes("usr1"))
    client.notify("transport/terminate", { transport: child.transport })
    expect(await ended(client, child)).toMatchObject({ returncode: 5, signal: null })
  })

  test("may be given by number, and kill ends a process that ignores SIGTERM [ST-8, ST-9]", async () => {
    const client = await start()
    const child = await exec(client, stubborn)
    await client.callback(child.transport, "pipeDataReceived")
    await client.request("transport/sendSignal", { transport: child.transport, signal: 15 })
    await client.barrier()
    expect(client.callbacks(child.transport)).not.toContain("processExited")
    await client.request("transport/kill", { transport: child.transport })
    expect((await client.callback(child.transport, "processExited")).params).toMatchObject({
      returncode: -9,
      signal: "SIGKILL",
    })
    await client.request("transport/close", { transport: child.transport })
    await client.lost(child.transport)
  })

  test("are no error between the exit and the loss [R-21]", async () => {
    const clock = new TestClock()
    const client = await (await harness.startDaemon({ clock })).connect()
    const child = await exec(client, holdsPipes)
    await client.callback(child.transport, "processExited")
    expect(await client.request("transport/kill", { transport: child.transport })).toBeNull()
    await client.request("transport/close", { transport: child.transport })
    await client.lost(child.transport)
  })
})

describe("close", () => {
  test("kills a running process with its group and says so in order [ST-14, R-20]", async () => {
    const client = await start()
    const child = await exec(client, shell("sleep 1000 & echo ready; wait"))
    await client.callback(child.transport, "pipeDataReceived")
    await client.request("transport/close", { transport: child.transport })
    await client.request("transport/close", { transport: child.transport })
    expect(await ended(client, child)).toMatchObject({ returncode: -9 })
    await untilNoProcess()
  })

  test("of one pipe leaves the others and the process alone", async () => {
    const client = await start()
    const child = await exec(client, spew)
    await client.callback(child.transport, "pipeDataReceived", 1)
    await client.request("transport/close", { transport: child.pipes[2] })
    await client.callback(child.transport, "pipeConnectionLost", 2)
    const before = client.count(child.transport, 1)
    await client.until(() => client.count(child.transport, 1) > before)
    await client.request("transport/close", { transport: child.pipes[1] })
    expect((await client.callback(child.transport, "processExited")).params.signal).toBe("SIGPIPE")
    await client.lost(child.transport)
  })
})

describe("a handed descriptor", () => {
  /** A pipe of ours, both ends of which can be handed out. */
  async function ends(): Promise<{ reading: number; writing: number }> {
    const path = await namedPipe(harness)
    return { reading: openForReading(path), writing: openForWriting(path) }
  }

  async function handing(...descriptors: number[]): Promise<RawClient> {
    return await (await harness.startDaemon({ descriptors })).connect()
  }

  test("stands for stdin, stdout or stderr, and is the child's alone from then on", async () => {
    const [input, output] = [await ends(), await ends()]
    const client = await handing(input.reading, output.writing)
    writeSync(input.writing, "from elsewhere")
    closeSync(input.writing)
    const child = await exec(client, { ...cat, stdin: { fd: input.reading }, stdout: output.writing })
    expect(child.pipes).toEqual({ 2: expect.any(Number) })
    expect(await ended(client, child)).toMatchObject({ stdout: "", returncode: 0 })
    // Its end of file, not EAGAIN, shows that the daemon has closed its own copy.
    expect(readAll(output.reading)).toBe("from elsewhere")
  })

  test("may be shared by stdout and stderr", async () => {
    const { reading, writing } = await ends()
    const client = await handing(writing)
    const child = await exec(client, { ...shell("echo one; echo two >&2"), stdout: writing, stderr: "stdout" })
    expect(child.pipes).toEqual({ 0: expect.any(Number) })
    await ended(client, child)
    expect(readAll(reading)).toBe("one\ntwo\n")
  })

  test("takes any other number in the child, beside its pipes", async () => {
    const [first, second] = [await ends(), await ends()]
    const client = await handing(first.writing, second.writing)
    const fds = { 3: second.writing, 7: first.writing }
    const child = await exec(client, { ...shell("echo three >&3; echo seven >&7; echo out; echo >&4"), fds })
    expect(await ended(client, child)).toMatchObject({ stdout: "out\n", returncode: 2 })
    expect([readAll(first.reading), readAll(second.reading)]).toEqual(["seven\n", "three\n"])
  })

  test("is refused where it was not handed or is out already, and stays where nothing came of it", async () => {
    const { reading, writing } = await ends()
    const client = await handing(writing)
    const refused = [
      { ...cat, stdout: reading },
      { ...cat, stdin: 0 },
      { ...cat, stdout: writing, stderr: writing },
      { ...cat, stdout: writing, fds: { 3: 10_000 } },
      { ...cat, fds: { 2: writing } },
      { ...cat, fds: { "03": writing } },
      { ...cat, fds: { 256: writing } },
    ]
    for (const params of refused)
      expect(await client.failure("loop/subprocessExec", params)).toMatchObject({ code: -32602 })
    const failed = { program: "/no/such/program", stdout: writing }
    expect(await client.failure("loop/subprocessExec", failed)).toMatchObject({ code: 1501 })
    await ended(client, await exec(client, { ...shell("echo out"), stdout: writing }))
    expect(await client.failure("loop/subprocessExec", { ...cat, stdout: writing })).toMatchObject({ code: -32602 })
    expect(readAll(reading)).toBe("out\n")
  })
})

/** What waits in a pipe, to its end, and closes it. */
function readAll(fd: number): string {
  try {
    return readFileSync(fd, "utf8")
  } finally {
    closeSync(fd)
  }
}

describe("surroundings", () => {
  test("a directory, a umask and variables are the child's, and not the daemon's [LOOP-subprocess_exec]", async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "transportd-")))
    harness.cleanup(() => rm(folder, { recursive: true }))
    const umaskBefore = process.umask()
    const { stdout } = await run({
      ...shell('pwd; umask; echo "$ONE" "$TWO"'),
      cwd: folder,
      umask: 0o27,
      env: { ONE: "1", TWO: "é\n2" },
    })
    expect(stdout).toBe(`${folder}\n0027\n1 é\n2\n`)
    expect(process.umask()).toBe(umaskBefore)
  })

  test("clearEnv leaves nothing but what was given", async () => {
    const { stdout } = await run({ program: "/usr/bin/env", env: { ONLY: "this" }, clearEnv: true })
    expect(stdout).toBe("ONLY=this\n")
  })

  test("arguments arrive as they are, without a shell", async () => {
    const args = ["a b", "$HOME", "*", "", "'\"", "é", "-n"]
    const { stdout } = await run(script("console.log(JSON.stringify(process.argv.slice(1)))", "--", ...args))
    expect(JSON.parse(stdout)).toEqual(args)
  })

  test("a command line goes through the shell, and its process id is that of the shell [ST-1]", async () => {
    const client = await start()
    const child = await client.request<Child>("loop/subprocessShell", { command: "echo $$ | tr 0-9 a-j; exit 4" })
    const letters = String(child.pid).replace(/\d/g, (digit) => "abcdefghij".charAt(Number(digit)))
    expect(await ended(client, child)).toMatchObject({ stdout: `${letters}\n`, returncode: 4 })
  })

  test("the child has no descriptor of the daemon's", async () => {
    const { stdout } = await run(
      shell("for fd in /proc/self/fd/*; do case $fd in */[012]) ;; *) readlink $fd;; esac; done"),
    )
    expect(stdout).not.toMatch(/socket:|anon_inode:/)
  })

  test("a character split across reads is held until it is whole, with encoding utf8", async () => {
    const client = await start()
    const child = await exec(client, { ...cat, options: { encoding: "utf8" } })
    write(client, child, Buffer.from("é€").subarray(0, 1))
    await client.barrier()
    write(client, child, Buffer.from("é€").subarray(1, 4))
    write(client, child, Buffer.from("é€").subarray(4))
    client.notify("transport/writeEof", { transport: child.pipes[0] })
    await client.lost(child.transport)
    const texts = client
      .of(child.transport)
      .flatMap(({ params }) => (params.text === undefined ? [] : [params.text as string]))
    expect(texts.join("")).toBe("é€")
    expect(texts.join("")).not.toContain("\ufffd")
  })
})
