/**
 * JSON-RPC clients that nobody here wrote, and that know nothing of this daemon: each connects to a server that echoes,
 * runs a process, asks for what is not there, and leaves.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { CancellationTokenSource, createMessageConnection, ResponseError } from "vscode-jsonrpc/node"
import { MAIN, Sandbox } from "../cli/sandbox.ts"
import { ROOT } from "../house/sources.ts"
import { echo, listenPeer } from "../support/peers.ts"
import { describeWith } from "./programs.ts"

const FOLDER = join(ROOT, "test/interop/clients")
const LEFT_IN_ORDER = 0

/** What each of them sees. */
const SEEN = {
  echo: "hello",
  connection: ["connectionMade", "dataReceived", "eofReceived", "connectionLost"],
  process: { output: "A PROCESS", returncode: 3 },
  error: { code: 1101, data: { transport: 4711 } },
  status: LEFT_IN_ORDER,
}

const listen = () => listenPeer({ cleanup: (action) => onTestFinished(async () => void (await action())) }, echo)

/** Runs one of the programs beside this file. */
async function run(...command: [string, ...string[]]): Promise<unknown> {
  await using sandbox = new Sandbox()
  const { port } = await listen()
  const env = { ...sandbox.commandOnPath(), COMMAND: join(sandbox.folder, "bin/transportd"), PORT: `${port}` }
  const { code, stdout, stderr } = await sandbox.startProgram(command, { env }).ended
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

describeWith(["nvim", "base64"], ([nvim]) => {
  it("Neovim's client of language servers drives the daemon", async () => {
    const program = ["-c", `luafile ${join(FOLDER, "neovim_lsp.lua")}`, "-c", "qall!"]
    expect(await run(nvim, "--headless", "--clean", ...program)).toEqual(SEEN)
  })
})

// Debian's Python has it; another that comes first on the path may not.
const [PYTHON, LIBRARY] = ["/usr/bin/python3", "/usr/lib/python3/dist-packages/pylsp_jsonrpc"]
const missing = [PYTHON, LIBRARY].filter((path) => !existsSync(path))

describe.skipIf(missing.length > 0)(`with pylsp_jsonrpc${missing.map((path) => `: no ${path}`).join()}`, () => {
  it("Python's client of language servers drives the daemon", async () => {
    expect(await run(PYTHON, "-B", join(FOLDER, "pylsp.py"))).toEqual(SEEN)
  })
})

describe("stock vscode-jsonrpc", () => {
  /** A daemon on stdio and a connection as the library makes it. */
  function start() {
    const daemon = spawn(process.execPath, [MAIN, "stdio"], { stdio: ["pipe", "pipe", "inherit"] })
    onTestFinished(() => void daemon.kill("SIGKILL"))
    const ended = new Promise<number | null>((resolve) => daemon.once("close", resolve))
    const rpc = createMessageConnection(daemon.stdout, daemon.stdin)
    const said: Array<{ method: string; params: Record<string, unknown> }> = []
    let heard = (): void => {}
    rpc.onNotification((method, params) => {
      said.push({ method, params: params as Record<string, unknown> })
      heard()
    })
    rpc.listen()
    /** Resolves when `method` was said about `transport`. */
    const until = (transport: number, method: string): Promise<void> =>
      new Promise((resolve) => {
        heard = () => {
          if (said.some((each) => each.method === method && each.params.transport === transport)) resolve()
        }
        heard()
      })
    return { rpc, said, ended, until }
  }

  it("drives the daemon", async () => {
    const { port } = await listen()
    const { rpc, said, ended, until } = start()
    await rpc.sendRequest("initialize", { protocolVersion: 1, capabilities: {}, processId: process.pid })
    await rpc.sendNotification("initialized", {})

    const connection = await rpc.sendRequest<{ transport: number }>("loop/createConnection", {
      host: "127.0.0.1",
      port,
    })
    const data = Buffer.from("hello").toString("base64")
    await rpc.sendNotification("transport/write", { transport: connection.transport, data })
    await until(connection.transport, "protocol/dataReceived")
    await rpc.sendNotification("transport/writeEof", { transport: connection.transport })
    await until(connection.transport, "protocol/connectionLost")

    const params = { program: "sh", args: ["-c", "tr a-z A-Z; exit 3"], options: { encoding: "utf8" } }
    const started = await rpc.sendRequest<{ transport: number; pipes: Record<string, number> }>(
      "loop/subprocessExec",
      params,
    )
    await rpc.sendNotification("transport/write", { transport: started.pipes[0], text: "a process" })
    await rpc.sendNotification("transport/close", { transport: started.pipes[0] })
    await until(started.transport, "protocol/connectionLost")

    const refusal = await rpc.sendRequest("transport/isReading", { transport: 4711 }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ResponseError)
    expect(refusal).toMatchObject(SEEN.error)
    await rpc.sendRequest("shutdown")
    await rpc.sendNotification("exit")
    expect(await ended).toBe(LEFT_IN_ORDER)

    const of = (id: number) => said.filter((each) => each.params.transport === id)
    expect(of(connection.transport).map(({ method }) => method.replace("protocol/", ""))).toEqual(SEEN.connection)
    expect(of(connection.transport)[1]?.params).toMatchObject({ data })
    const output = of(started.transport).flatMap(({ params: { text = [] } }) => text)
    expect(output.join("")).toBe(SEEN.process.output)
    expect(of(started.transport)).toContainEqual({
      method: "protocol/processExited",
      params: expect.objectContaining({ returncode: SEEN.process.returncode }),
    })
    rpc.dispose()
  })

  it("cancels a request with its own tokens", async () => {
    await using sandbox = new Sandbox()
    const { rpc, ended } = start()
    await rpc.sendRequest("initialize", { protocolVersion: 1 })
    const path = join(sandbox.folder, "pipe")
    await sandbox.startProgram(["mkfifo", path]).ended
    const source = new CancellationTokenSource()
    // Nobody reads from it, so that it does not open.
    const opening = rpc.sendRequest("loop/connectWritePipe", { path }, source.token)
    source.cancel()
    await expect(opening).rejects.toMatchObject({ code: -32800 })
    await rpc.sendRequest("shutdown")
    await rpc.sendNotification("exit")
    expect(await ended).toBe(LEFT_IN_ORDER)
    rpc.dispose()
  })
})
