/** The command as it is built: of these sources, in one file, and what it evaluates of that before it works. */
import { execFileSync } from "node:child_process"
import { chmodSync, cpSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { SCRIPT } from "../../cli/compiled.ts"
import { commandFiles, type CommandFile } from "../../scripts/bundle/command.ts"
import { evaluated } from "../cli/evaluated.ts"
import { MAIN, Sandbox } from "../cli/sandbox.ts"
import { ROOT } from "../house/sources.ts"

const FOLDER = dirname(MAIN)

describe("the built command", () => {
  let files: CommandFile[] = []
  beforeAll(async () => void (files = await commandFiles(ROOT)))

  it("is made of the sources as they are now", () => {
    const stale = files.filter(({ name, text }) => readFileSync(join(FOLDER, name), "utf8") !== text)
    expect(
      stale.map(({ name }) => name),
      "`npm run build` makes it anew",
    ).toEqual([])
  })

  it("comes with code that this Node takes, and with nothing else", () => {
    const names = readdirSync(FOLDER).filter((name) => !files.some((file) => file.name === name))
    expect(names).toEqual([expect.stringMatching(/^command-.*\.code$/)])
    // In a process of its own: the one that runs tests may have other flags, with which V8 takes no code.
    const program = `
      const [script, cachedData] = process.argv.slice(1).map((file) => fs.readFileSync(file))
      new vm.Script(script.toString("latin1"), { cachedData }).cachedDataRejected`
    const paths = [SCRIPT, ...names].map((name) => join(FOLDER, name))
    expect(execFileSync(process.execPath, ["--print", program, ...paths], { encoding: "utf8" })).toBe("false\n")
  })

  it("works without the code and without the package around it, and writes nothing", async () => {
    await using sandbox = new Sandbox()
    const folder = join(sandbox.folder, "copy")
    cpSync(FOLDER, folder, { recursive: true, filter: (path) => !path.endsWith(".code") })
    chmodSync(folder, 0o555)
    const names = readdirSync(folder)
    const input = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'
    const command = [process.execPath, join(folder, "main.js"), "stdio", "--framing=newline"] as const
    const daemon = sandbox.startProgram(command)
    daemon.child.stdin.end(input)
    expect(await daemon.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"protocolVersion":1'),
      stderr: "",
    })
    expect(readdirSync(folder)).toEqual(names)
    chmodSync(folder, 0o755)
  })

  it("says nothing of where it was built", () => {
    for (const name of readdirSync(FOLDER)) {
      expect(readFileSync(join(FOLDER, name)).includes(ROOT), name).toBe(false)
    }
  })

  it("holds none of what the compiler made beside the sources, and of zod one language", () => {
    const sources = files.find(({ name }) => name === SCRIPT)?.sources ?? []
    expect(sources.filter((source) => source.startsWith("dist/"))).toEqual([])
    expect(sources.filter((source) => /zod\/.*\/locales\//.test(source))).toEqual(["node_modules/zod/v4/locales/en.js"])
  })
})

describe("start-up", () => {
  /** What is loaded in one piece or not at all. */
  const PARTS = /^node_modules\/(commander|vscode-jsonrpc|zod)\/|^(client|daemon)\//

  async function parts(sandbox: Sandbox, args: readonly string[], input?: string): Promise<string[]> {
    const sources = await evaluated(sandbox, args, input === undefined ? {} : { input })
    expect(sources).toContain("cli/command.ts")
    const names = sources.map((source) => PARTS.exec(source))
    return [...new Set(names.flatMap((match) => match?.[1] ?? match?.[2] ?? []))].sort()
  }

  it("evaluates the command line alone for a question to it", async () => {
    await using sandbox = new Sandbox()
    expect(await parts(sandbox, ["--version"])).toEqual(["commander"])
    expect(await parts(sandbox, ["ls", "--help"])).toEqual(["commander"])
    expect(await parts(sandbox, ["socket-path"])).toEqual([])
  })

  it("evaluates no schema and no daemon for a client", async () => {
    await using sandbox = new Sandbox()
    await sandbox.startDaemon()
    for (const args of [["status"], ["ls"]]) {
      expect(await parts(sandbox, args), args.join(" ")).toEqual(["client", "vscode-jsonrpc"])
    }
    for (const args of [
      ["call", "daemon/info"],
      ["run", "true"],
      ["stop", "--json"],
    ]) {
      expect(await parts(sandbox, args), args.join(" ")).toEqual(["client", "commander", "vscode-jsonrpc"])
    }
  })

  it("evaluates no client and no reader of command lines for a daemon", async () => {
    await using sandbox = new Sandbox()
    const input = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'
    expect(await parts(sandbox, ["stdio", "--framing=newline"], input)).toEqual(["daemon", "vscode-jsonrpc", "zod"])
  })
})
