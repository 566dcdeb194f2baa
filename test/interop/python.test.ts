/** The Python client as its users meet it: its own tests, asyncio's examples on it, and its installation. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { VERSION } from "../../protocol/version.ts"
import { closedPort } from "../support/peers.ts"
import { ROOT } from "../house/sources.ts"

const CLIENT = join(ROOT, "client/python")
const NEW_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 11))"

const python = ["python3", "python3.11", "/usr/bin/python3"].find(
  (program) => spawnSync(program, ["-c", NEW_ENOUGH], { stdio: "ignore" }).status === 0,
) as string

describe.skipIf(python === undefined)("the Python client, where there is a Python from 3.11 on", () => {
  let folder: string
  let children: ChildProcess[]

  beforeEach(async () => {
    children = []
    folder = await mkdtemp(join(tmpdir(), "transportd-"))
    await symlink(join(ROOT, "dist/cli/main.js"), join(folder, "transportd"))
  })

  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL")
    await rm(folder, { recursive: true })
  })

  /** Starts Python with the client on its path, and `transportd` on the shell's. */
  function start(args: readonly string[], more: NodeJS.ProcessEnv = { PYTHONPATH: CLIENT }) {
    const env = { ...process.env, PYTHONUNBUFFERED: "1", PATH: `${folder}${delimiter}${process.env.PATH}`, ...more }
    const child = spawn(python, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })
    children.push(child)
    let output = ""
    child.stdout.on("data", (data: Buffer) => (output += data.toString()))
    child.stderr.on("data", (data: Buffer) => (output += data.toString()))
    const closed = once(child, "close")
    return {
      says: async (text: string) => {
        while (!output.includes(text)) await Promise.race([once(child.stdout, "data"), closed])
      },
      ended: async () => {
        const [status] = await closed
        return { status: status as number, lines: output.split("\n").slice(0, -1) }
      },
    }
  }

  /** An example, with another port in place of the one that it names. */
  async function example(name: string, port = 0) {
    const text = await readFile(join(ROOT, `examples/python/${name}.py`), "utf8")
    const file = join(folder, `${name}.py`)
    await writeFile(file, text.replaceAll(/\b(?:8888|9999)\b/g, String(port)))
    return start([file])
  }

  it("passes its own tests", { timeout: 120_000 }, async () => {
    const { status, lines } = await start([
      "-W",
      "error::ResourceWarning",
      join(ROOT, "test/python/test_loop.py"),
    ]).ended()
    expect(lines.at(-1)).toMatch(/^OK/)
    expect(status).toBe(0)
  })

  it("echoes over TCP, server and client from asyncio's documentation", { timeout: 60_000 }, async () => {
    const port = await closedPort()
    await example("tcp_echo_server", port)
    // The server says nothing until somebody has come: whoever is too early comes again.
    for (;;) {
      const client = await example("tcp_echo_client", port)
      const { status, lines } = await client.ended()
      if (lines.some((line) => line.includes("ConnectionRefusedError"))) continue
      expect(lines).toEqual([
        "Data sent: 'Hello World!'",
        "Data received: 'Hello World!'",
        "The server closed the connection",
      ])
      expect(status).toBe(0)
      break
    }
  })

  it("echoes over UDP, server and client from asyncio's documentation", { timeout: 60_000 }, async () => {
    const port = await closedPort()
    const server = await example("udp_echo_server", port)
    await server.says("Starting UDP server")
    // It says so before it listens, and a datagram that nobody takes is answered with an error.
    for (;;) {
      const { lines } = await (await example("udp_echo_client", port)).ended()
      if (lines.some((line) => line.startsWith("Error received"))) continue
      expect(lines).toEqual(["Send: Hello World!", "Received: Hello World!", "Close the socket", "Connection closed"])
      break
    }
    await server.says("Received 'Hello World!' from ('127.0.0.1',")
  })

  it("waits for what comes on a socket that exists, as asyncio's documentation does", async () => {
    expect(await (await example("existing_socket")).ended()).toEqual({ status: 0, lines: ["Received: abc"] })
  })

  it("asks another program for the date, as asyncio's documentation does", async () => {
    const { status, lines } = await (await example("subprocess_date")).ended()
    expect(lines.join("\n")).toMatch(/^Current date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/)
    expect(status).toBe(0)
  })

  it("prints what the README says of its program", async () => {
    const lines = ["HELLO FROM A SOCKET", "hello from a process"]
    expect(await (await example("readme")).ended()).toEqual({ status: 0, lines })
  })

  it("has the version of the package", async () => {
    const pyproject = await readFile(join(CLIENT, "pyproject.toml"), "utf8")
    expect(pyproject).toContain(`\nversion = "${VERSION}"\n`)
  })

  it("is installed by pip without a network, types and all", { timeout: 120_000 }, async (context) => {
    const target = join(folder, "site")
    const options = ["--quiet", "--no-index", "--target", target]
    if (spawnSync(python, ["-m", "pip", "--version"], { stdio: "ignore" }).status !== 0) context.skip("without pip")
    const { status, lines } = await start(["-m", "pip", "install", ...options, CLIENT], {
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
    }).ended()
    expect(status, lines.join("\n")).toBe(0)
    const look = `import transportd, pathlib; print(pathlib.Path(transportd.__file__).with_name("py.typed").exists())`
    expect(await start(["-c", look], { PYTHONPATH: target }).ended()).toEqual({ status: 0, lines: ["True"] })
  })
})
