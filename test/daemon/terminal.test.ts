/**
 * Processes with a terminal: its size, its keys, its session, and output that is whole when the program exits.
 * TERMINAL_RUNS sets how often a program is run that writes and exits at once; the default is short.
 */
import { constants, openSync, closeSync, readFileSync, writeFileSync } from "node:fs"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { beforeEach, describe, expect, test } from "vitest"
import { hasTerminals } from "../../daemon/native/terminal.ts"
import type { RawClient } from "../support/client.ts"
import { TestClock } from "../support/clock.ts"
import { untilNoProcess } from "../support/leaks.ts"
import { folder, namedPipe, openForReading, openForWriting } from "../support/pipes.ts"
import { shell } from "../support/programs.ts"
import { pattern } from "../support/random.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const RUNS = Number(process.env.TERMINAL_RUNS ?? 10)

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly pid: number
  readonly pipes: Record<string, number>
  readonly extra: Record<string, unknown>
}

beforeEach(({ skip }) => {
  if (!hasTerminals()) skip("terminals need Linux and koffi")
})

async function start(): Promise<RawClient> {
  return await (await harness.startDaemon()).connect({ flowControl: true })
}

function open(client: RawClient, command: object, more: object = {}): Promise<Opened> {
  return client.request<Opened>("loop/subprocessExec", { ...command, pty: {}, ...more })
}

function type(client: RawClient, { pipes }: Opened, keys: string | Buffer): void {
  client.notify("transport/write", { transport: pipes[0], data: Buffer.from(keys as string) })
}

function shown(client: RawClient, { transport }: Opened): string {
  return client.data(transport, 1).toString()
}

function until(client: RawClient, terminal: Opened, text: string): Promise<unknown> {
  return client.until(() => shown(client, terminal).includes(text), JSON.stringify(text))
}

async function returncode(client: RawClient, { transport }: Opened): Promise<unknown> {
  await client.lost(transport)
  return (await client.callback(transport, "processExited")).params.returncode
}

describe("a terminal", () => {
  test("is the program's own: its standard streams, its session, its size, its name", async () => {
    const client = await start()
    const line = 'test -t 0 -a -t 1 -a -t 2 && echo "$TERM" && stty size && tty && echo again >/dev/tty; exit 5'
    const terminal = await open(client, shell(line), { pty: { columns: 100, rows: 30 } })
    const { path } = terminal.extra.pty as { path: string }
    expect(terminal).toMatchObject({ kind: "pty", pipes: { 0: expect.any(Number), 1: expect.any(Number) } })
    expect(terminal.extra.pty).toEqual({ path, columns: 100, rows: 30 })
    expect(await returncode(client, terminal)).toBe(5)
    expect(shown(client, terminal)).toBe(`xterm-256color\r\n30 100\r\n${path}\r\nagain\r\n`)
    expect(client.callbacks(terminal.transport).at(-1)).toBe("connectionLost")
  })

  test("is among the kinds that the daemon says it has", async () => {
    const client = await (await harness.startDaemon()).connectRaw()
    const { capabilities } = await client.request<{ capabilities: { kinds: string[] } }>("initialize", {
      protocolVersion: 1,
    })
    expect(capabilities.kinds).toContain("pty")
  })

  test("gives the program directory, environment, umask and descriptors as pipes do, and a TERM", async () => {
    const directory = await folder(harness)
    const path = await namedPipe(harness)
    const [reading, writing] = [openForReading(path), openForWriting(path)]
    const daemon = await harness.startDaemon({ descriptors: [writing], environment: { COLUMNS: "7", LINES: "7" } })
    const client = await daemon.connect()
    const terminal = await open(
      client,
      shell('pwd; umask; echo "$TERM $A ${COLUMNS-none} ${LINES-none}"; echo extra >&7'),
      {
        pty: { term: "vt100" },
        cwd: directory,
        env: { A: "1", TERM: "dumb" },
        umask: 0o27,
        fds: { 7: writing },
      },
    )
    expect(await returncode(client, terminal)).toBe(0)
    expect(shown(client, terminal)).toBe(`${directory}\r\n0027\r\nvt100 1 none none\r\n`)
    expect(readFileSync(reading, "utf8")).toBe("extra\n")
    closeSync(reading)
  })

  test.skipIf(process.getuid?.() !== 0)("belongs to the user that the program runs as", async () => {
    const client = await start()
    const terminal = await open(client, shell('id -u; stat -c %u "$(tty)"; echo again >/dev/tty'), {
      uid: 65_534,
      cwd: "/",
    })
    expect(await returncode(client, terminal)).toBe(0)
    expect(shown(client, terminal)).toBe("65534\r\n65534\r\nagain\r\n")
  })

  test("changes its size, and the program hears of it", async () => {
    const client = await start()
    const terminal = await open(client, shell("trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done"))
    const { transport } = terminal
    await until(client, terminal, "ready")
    await client.request("transport/resize", { transport, columns: 132, rows: 43 })
    await until(client, terminal, "43 132\r\n")
    const info = { transport, name: "pty" }
    expect(await client.request("transport/getExtraInfo", info)).toMatchObject({ columns: 132, rows: 43 })
    await client.request("transport/kill", { transport })
    expect(await returncode(client, terminal)).toBe(-9)
    // Too late, which nobody can know early enough.
    expect(await client.request("transport/resize", { transport, columns: 80, rows: 24 })).toBeNull()
  })

  test("turns Ctrl-C into a signal for what runs in its foreground", async () => {
    const client = await start()
    const terminal = await open(
      client,
      shell('trap "echo caught; exit 6" INT; echo ready; while :; do sleep 0.01; done'),
    )
    await until(client, terminal, "ready")
    type(client, terminal, "\x03")
    expect(await returncode(client, terminal)).toBe(6)
    expect(shown(client, terminal)).toBe("ready\r\n^Ccaught\r\n")
  })

  test("turns Ctrl-D into an end of file, and takes back whole characters", async () => {
    const client = await start()
    const terminal = await open(client, { program: "cat" })
    type(client, terminal, "xé\x7f\x7fhello\n\x04")
    expect(await returncode(client, terminal)).toBe(0)
    expect(shown(client, terminal).endsWith("hello\r\nhello\r\n")).toBe(true)
  })

  test("takes a megabyte of input as fast as it is read, byte for byte", async () => {
    const client = await start()
    const line = "stty raw -echo; echo ready; head -c 1000000 | sha256sum"
    const terminal = await open(client, shell(line))
    await until(client, terminal, "ready")
    const bytes = pattern(1_000_000)
    type(client, terminal, bytes)
    expect(await returncode(client, terminal)).toBe(0)
    expect(shown(client, terminal)).toContain(createHash("sha256").update(bytes).digest("hex"))
  })
})

describe("the output", () => {
  test.each([20_000, 1_000_000])(
    "of %i bytes is whole when the program exits right behind it",
    { timeout: 600_000 },
    async (bytes) => {
      const client = await start()
      const incomplete: number[] = []
      let left = RUNS
      const run = async (): Promise<void> => {
        while (left-- > 0) {
          const terminal = await open(client, { program: "head", args: ["-c", String(bytes), "/dev/zero"] })
          await client.lost(terminal.transport)
          if (client.count(terminal.transport, 1) !== bytes) incomplete.push(client.count(terminal.transport, 1))
        }
      }
      await Promise.all([run(), run(), run(), run()])
      expect(incomplete).toEqual([])
    },
  )

  test("waits for a client that is paused until long after the exit", async () => {
    const client = await start()
    const terminal = await open(
      client,
      { program: "head", args: ["-c", "3000", "/dev/zero"] },
      { options: { paused: true } },
    )
    const { params } = await client.callback(terminal.transport, "processExited")
    expect(params).toMatchObject({ returncode: 0, outputMayBeIncomplete: true })
    expect(client.count(terminal.transport, 1)).toBe(0)
    await client.request("transport/resumeReading", { transport: terminal.pipes[1] })
    await client.lost(terminal.transport)
    expect(client.count(terminal.transport, 1)).toBe(3000)
  })

  test("of what the program left behind is let go after drainMs", async () => {
    const clock = new TestClock()
    const client = await (await harness.startDaemon({ clock })).connect()
    const terminal = await open(client, shell("trap '' HUP; sleep 1000 & echo left; exit 3"), { drainMs: 500 })
    expect((await client.callback(terminal.transport, "processExited")).params).toMatchObject({ returncode: 3 })
    await until(client, terminal, "left")
    clock.advance(2_000)
    await client.lost(terminal.transport)
    const { params } = await client.callback(terminal.transport, "pipeConnectionLost", 1)
    expect(params.error).toMatchObject({ code: 1203, data: { operation: "drain", timeoutMs: 500 } })
  })

  test("of a terminal that outlived its client is there for the next, with its end", async () => {
    const daemon = await harness.startDaemon()
    const first = await daemon.connect()
    const options = { lifetime: "daemon", paused: true }
    const { transport } = await open(first, shell("echo kept; exit 4"), { options })
    first.destroy()
    await first.closed
    const second = await daemon.connect()
    const attached = await second.request<Opened>("transport/attach", { transport })
    expect(attached).toMatchObject({ kind: "pty", pid: expect.any(Number) })
    expect(await returncode(second, attached)).toBe(4)
    expect(shown(second, attached)).toBe("kept\r\n")
  })
})

describe("the end of a terminal", () => {
  test("leaves what was typed and not taken nowhere else", async () => {
    const client = await start()
    const directory = await folder(harness)
    const leaves = { "transport/kill": -9, "transport/close": -9 }
    for (const [how, code] of Object.entries(leaves)) {
      const terminal = await open(client, shell("stty raw -echo; echo ready; sleep 1000"))
      await until(client, terminal, "ready")
      // Far more than the system takes for somebody who does not read.
      type(client, terminal, Buffer.alloc(900_000, "stray"))
      await client.barrier()
      expect(await client.request("transport/getWriteBufferSize", { transport: terminal.pipes[0] })).toBeGreaterThan(0)
      client.notify(how, { transport: terminal.transport })
      // The numbers that become free are given out again at once.
      const files = Array.from({ length: 40 }, (_, index) => join(directory, `${how.slice(10)}-${index}`))
      const opened: number[] = []
      const callbacks = client.callbacks(terminal.transport).length
      for (const file of files) {
        opened.push(openSync(file, constants.O_CREAT | constants.O_RDWR))
        await client.barrier()
      }
      expect(await returncode(client, terminal)).toBe(code)
      expect(client.callbacks(terminal.transport).length).toBeGreaterThan(callbacks)
      for (const fd of opened) closeSync(fd)
      expect(files.map((file) => readFileSync(file, "utf8")).join("")).toBe("")
    }
  })

  test("takes the whole session with it: jobs in the background have groups of their own", async () => {
    const client = await start()
    const terminal = await open(client, { program: "/bin/sh", args: ["-i"] }, { env: { PS1: "$ ", ENV: "" } })
    type(client, terminal, "trap '' HUP; sleep 1000 & sleep 1001 & echo st''arted\n")
    await until(client, terminal, "started")
    client.notify("transport/close", { transport: terminal.transport })
    expect(await returncode(client, terminal)).toBe(-9)
    await untilNoProcess()
  })

  test("comes with its client: it hangs up, and what does not hear that is killed", async () => {
    const daemon = await harness.startDaemon()
    const client = await daemon.connect()
    const marker = join(await folder(harness), "hangup")
    writeFileSync(marker, "")
    const terminal = await open(client, shell(`trap 'echo HUP >${marker}' HUP; echo ready; sleep 1000; sleep 1000`))
    await until(client, terminal, "ready")
    client.destroy()
    await untilNoProcess()
    expect(readFileSync(marker, "utf8")).toBe("HUP\n")
  })

  test("comes when what it shows is closed, and not when what is typed is", async () => {
    const client = await start()
    const terminal = await open(client, shell("echo ready; exec sleep 1000"))
    await until(client, terminal, "ready")
    await client.request("transport/close", { transport: terminal.pipes[0] })
    await client.callback(terminal.transport, "pipeConnectionLost", 0)
    await client.barrier()
    expect(client.callbacks(terminal.transport)).not.toContain("processExited")
    await client.request("transport/close", { transport: terminal.pipes[1] })
    expect(await returncode(client, terminal)).toBe(-1)
  })
})

describe("what a terminal cannot be", () => {
  test("is beside pipes, without a session, or of no size", async () => {
    const client = await start()
    for (const params of [
      { stdin: "null" },
      { stdout: "null" },
      { stderr: "stdout" },
      { processGroup: false },
      { pty: { columns: 0 } },
      { pty: { rows: 65_536 } },
    ]) {
      const refused = { program: "true", pty: {}, ...params }
      expect(await client.failure("loop/subprocessExec", refused)).toMatchObject({ code: -32602 })
    }
  })

  test("is refused by name: an end of file, a size for pipes, a program that is not there", async () => {
    const client = await start()
    const terminal = await open(client, { program: "cat" })
    for (const transport of [terminal.pipes[0], terminal.pipes[1]]) {
      expect(await client.failure("transport/writeEof", { transport })).toMatchObject({
        code: 1105,
        data: { kind: "pty", operation: "writeEof" },
      })
    }
    const pipes = await client.request<Opened>("loop/subprocessExec", { program: "cat" })
    const resize = { transport: pipes.transport, columns: 80, rows: 24 }
    expect(await client.failure("transport/resize", resize)).toMatchObject({
      code: 1105,
      data: { kind: "subprocess", operation: "resize" },
    })
    expect(await client.failure("loop/subprocessExec", { program: "no-such-program", pty: {} })).toMatchObject({
      code: 1501,
      data: { errno: "ENOENT" },
    })
    type(client, terminal, "\x04")
    expect(await returncode(client, terminal)).toBe(0)
  })
})
