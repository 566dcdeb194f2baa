/** Child processes as a user of the client library sees them: pipes, their order, signals, the exit. */
import { describe, expect, it } from "vitest"
import { hasTerminals } from "../../daemon/native/terminal.ts"
import { holdsPipes, script, shell, spew, stubborn } from "../support/programs.ts"
import { barrier, ProcessRecorder, setupLibrary } from "./library.ts"

const { startLibrary } = setupLibrary()

type Exec = typeof stubborn

const command = ({ program, args }: Exec): [string, ...string[]] => [program, ...args]

describe("a child process", () => {
  it("gives each pipe's data before that pipe's end, and connectionLost last", async () => {
    const { client } = await startLibrary()
    const [transport, protocol] = await client.loop.subprocessExec(
      () => new ProcessRecorder(),
      command(shell("cat; echo error >&2; exit 3")),
    )
    const stdin = transport.getPipeTransport(0)
    stdin?.write(Buffer.from("through "))
    stdin?.writelines([Buffer.from("the "), Buffer.from("child")])
    stdin?.writeEof()
    expect(await protocol.lost()).toBeNull()
    const { events } = protocol.recording
    expect(protocol.output(1)).toBe("through the child")
    expect(protocol.output(2)).toBe("error\n")
    for (const fd of [1, 2]) expect(events.lastIndexOf(`data ${fd}`)).toBeLessThan(events.indexOf(`end ${fd}`))
    for (const event of ["end 0", "end 1", "end 2", "exited", "lost"]) expect(protocol.recording.count(event)).toBe(1)
    expect(events.at(-1)).toBe("lost")
    expect([...protocol.pipeErrors.values()]).toEqual([null, null, null])
    expect(transport.getReturncode()).toBe(3)
    expect(transport.isClosing()).toBe(false)
    transport.close()
  })

  it("knows its return code inside processExited, and its pid after the end", async () => {
    const { client } = await startLibrary()
    const codes: unknown[] = []
    const protocol: ProcessRecorder = new ProcessRecorder({
      connectionMade: (transport) => codes.push(transport.getReturncode()),
      processExited: () => codes.push(protocol.transport?.getReturncode()),
    })
    const [transport] = await client.loop.subprocessShell(() => protocol, "echo $$; exit 7")
    await protocol.lost()
    expect(codes).toEqual([null, 7])
    expect(transport.getPid()).toBe(Number(protocol.output(1)))
    expect(transport.getExtraInfo("subprocess")).toEqual({ pid: transport.getPid(), returncode: 7 })
  })

  it("gives the same pipe transport each time, and null for what is no pipe", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(shell("echo out; echo err >&2")), {
      stdin: "null",
      stderr: "stdout",
    })
    const stdout = transport.getPipeTransport(1)
    expect(stdout).not.toBeNull()
    expect([0, 2, 3, -1].map((fd) => transport.getPipeTransport(fd))).toEqual([null, null, null, null])
    await protocol.lost()
    expect(transport.getPipeTransport(1)).toBe(stdout)
    expect(protocol.output(1)).toBe("out\nerr\n")
    expect(protocol.recording.events.filter((event) => event.startsWith("end"))).toEqual(["end 1"])
  })

  it("sees this process's directory, environment and umask, or what is given instead", async () => {
    const { client } = await startLibrary()
    const line = 'pwd; echo "$WHO"; umask'
    const own = new ProcessRecorder()
    await client.loop.subprocessShell(() => own, line)
    const given = new ProcessRecorder()
    await client.loop.subprocessShell(() => given, line, { cwd: "/", env: { WHO: "me" }, umask: 0o077 })
    await Promise.all([own.lost(), given.lost()])
    expect(own.output(1).split("\n")[0]).toBe(process.cwd())
    expect(given.output(1)).toBe("/\nme\n0077\n")
  })

  it("delivers a large output whole, though its reader pauses", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(
      () => protocol,
      command(script('process.stdout.write("0123456789".repeat(300_000))')),
    )
    const stdout = transport.getPipeTransport(1)
    stdout?.pauseReading()
    expect(stdout?.isReading()).toBe(false)
    await barrier(client)
    expect(protocol.recording.count("data 1")).toBe(0)
    stdout?.resumeReading()
    await protocol.lost()
    expect(protocol.output(1)).toBe("0123456789".repeat(300_000))
  })

  it("pauses who writes to a child that does not read", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(stubborn))
    const stdin = transport.getPipeTransport(0)
    stdin?.write(Buffer.alloc(5_000_000))
    expect(protocol.recording.count("pause")).toBe(1)
    expect(stdin?.getWriteBufferSize()).toBe(5_000_000)
    transport.close()
    await protocol.lost()
    expect(protocol.recording.count("resume")).toBe(0)
  })
})

describe.skipIf(!hasTerminals())("a terminal", () => {
  it("is typed on, shows, and changes its size", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessShell(
      () => protocol,
      "trap 'stty size; exit 4' WINCH; read line; echo $line; while :; do sleep 0.01; done",
      { pty: { columns: 90, rows: 20 } },
    )
    expect(transport.getExtraInfo("pty")).toMatchObject({
      columns: 90,
      rows: 20,
      path: expect.stringMatching(/^\/dev\//),
    })
    expect(transport.getPipeTransport(2)).toBeNull()
    const keyboard = transport.getPipeTransport(0)
    keyboard?.write(Buffer.from("typed\n"))
    while (!protocol.output(1).includes("typed\r\ntyped\r\n")) await barrier(client)
    expect(keyboard?.canWriteEof()).toBe(false)
    expect(() => keyboard?.writeEof()).toThrow("a terminal has no end of file")
    transport.resize(100, 30)
    expect(await protocol.lost()).toBeNull()
    expect(protocol.output(1)).toBe("typed\r\ntyped\r\n30 100\r\n")
    expect(transport.getReturncode()).toBe(4)
    expect(transport.getExtraInfo("pty")).toMatchObject({ columns: 100, rows: 30 })
    transport.resize(80, 24)
  })

  it("is brought back by attachSubprocess, as a process", async () => {
    const { client } = await startLibrary()
    const options = { lifetime: "daemon" as const }
    const [first] = await client.loop.subprocessExec(() => new ProcessRecorder(), ["cat"], { pty: {}, options })
    first.detach()
    await expect(client.loop.attach(() => ({}), first.id)).rejects.toMatchObject({ name: "NotSupported" })
    const protocol = new ProcessRecorder()
    const [again] = await client.loop.attachSubprocess(() => protocol, first.id)
    again.getPipeTransport(0)?.write(Buffer.from("\x04"))
    await protocol.lost()
    expect(again.getReturncode()).toBe(0)
  })

  it("is nothing that pipes have", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, ["cat"])
    expect(() => transport.resize(80, 24)).toThrow("it has pipes, no terminal")
    expect(transport.getExtraInfo("pty")).toBeNull()
    transport.close()
    await protocol.lost()
  })
})

describe("signals", () => {
  it.each([
    ["kill()", -9],
    ["terminate()", -15],
    ["SIGHUP", -1],
    ["10", -10],
  ] as const)("%s ends it with %i", async (how, returncode) => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(spew))
    await protocol.recording.heard("data 1")
    if (how === "kill()") transport.kill()
    else if (how === "terminate()") transport.terminate()
    else transport.sendSignal(how === "10" ? 10 : how)
    expect(await protocol.lost()).toBeNull()
    expect(transport.getReturncode()).toBe(returncode)
  })

  it("does not end what ignores SIGTERM; kill() does", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(stubborn))
    await protocol.recording.heard("data 1")
    transport.terminate()
    await barrier(client)
    expect(transport.getReturncode()).toBeNull()
    transport.kill()
    await protocol.recording.heard("exited")
    expect(transport.getReturncode()).toBe(-9)
    transport.close()
    await protocol.lost()
  })

  it("is an error after the end, when there is nobody to get it", async () => {
    const { client, reports } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessShell(() => protocol, "exit 0")
    await protocol.lost()
    const gone = expect.objectContaining({ name: "NoSuchProcess", data: { pid: transport.getPid() } })
    expect(() => transport.kill()).toThrow(gone)
    expect(() => transport.terminate()).toThrow(gone)
    expect(() => transport.sendSignal("SIGHUP")).toThrow(gone)
    transport.close()
    await barrier(client)
    expect(transport.getReturncode()).toBe(0)
    expect(reports).toEqual([])
  })
})

describe("close()", () => {
  it("kills the process, closes the pipes, and connectionLost comes last", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(stubborn))
    await protocol.recording.heard("data 1")
    transport.close()
    transport.close()
    expect(transport.isClosing()).toBe(true)
    expect(transport.getReturncode()).toBeNull()
    expect(await protocol.lost()).toBeNull()
    expect(transport.getReturncode()).toBe(-9)
    expect(new Set(protocol.recording.events.slice(2))).toEqual(new Set(["end 0", "end 1", "end 2", "exited", "lost"]))
    expect(protocol.recording.events.at(-1)).toBe("lost")
  })

  it("does not wait for a grandchild that holds the output", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(holdsPipes))
    await protocol.recording.heard("exited")
    expect(transport.getReturncode()).toBe(3)
    transport.close()
    expect(await protocol.lost()).toBeNull()
  })

  it("tells a writer that the child left with data unread", async () => {
    const { client } = await startLibrary()
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessExec(() => protocol, command(shell("echo ready; read line")))
    await protocol.recording.heard("data 1")
    transport.getPipeTransport(0)?.write(Buffer.alloc(5_000_000, "x\n"))
    await protocol.lost()
    const error = protocol.pipeErrors.get(0)
    // Platform: Node's pipes are pairs of sockets, so which of the two it is depends on who notices first.
    expect(error).toMatchObject({ name: "TransportBroken", errno: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) })
  })
})
