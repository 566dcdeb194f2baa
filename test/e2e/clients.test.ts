/**
 * The clients of `examples/clients/`, each run by its interpreter with the built command on its path, and the page that
 * explains them: what it shows of them is there, and its conversation goes as shown.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { Sandbox } from "../cli/sandbox.ts"
import { blocks, read, ROOT } from "../house/sources.ts"
import { describeWith } from "../interop/programs.ts"
import { messagesIn, replay } from "../support/transcript.ts"

const PAGE = "docs/clients.md"
const FOLDER = "examples/clients"
const [conversation = "", printed = ""] = blocks(PAGE, "text")

/** The interpreter of each example, and what the example prints. */
const EXAMPLES: Readonly<Record<string, readonly [interpreter: string, prints: string]>> = {
  "neovim.lua": ["nvim", printed],
  "demo.py": ["python3", printed],
  "fast_client.py": ["python3", "16777216 bytes went through cat and came back the same\n"],
  "client.rb": ["ruby", printed],
  "client.pl": ["perl", printed],
  "client.sh": ["sh", printed],
  "vscode-jsonrpc.mjs": ["node", "hello from a process\n"],
}

/** What an example needs beside its interpreter. */
const NEEDS: Readonly<Record<string, string>> = { "client.sh": "jq" }

/** How an interpreter is given an example, where it takes more than its path. */
const ARGUMENTS: Readonly<Record<string, (example: string) => readonly string[]>> = {
  nvim: (example) => {
    const library = `set rtp+=${join(ROOT, "client/lua")}`
    return ["--headless", "--clean", "--cmd", library, "-c", `luafile ${example}`, "-c", "qall!"]
  },
}

describe.each(Object.entries(EXAMPLES))("the example %s", (name, [interpreter, prints]) => {
  describeWith([interpreter, NEEDS[name] ?? interpreter], ([program]) => {
    it("makes a daemon, uses it, and leaves", async () => {
      await using sandbox = new Sandbox()
      const example = join(ROOT, FOLDER, name)
      const env = { ...sandbox.commandOnPath(), PYTHONDONTWRITEBYTECODE: "1" }
      const ended = await sandbox.startProgram([program, ...(ARGUMENTS[interpreter]?.(example) ?? [example])], { env })
        .ended
      expect(ended).toEqual({ code: 0, stdout: prints, stderr: "" })
    })
  })
})

it("the page of the library for Neovim shows code of its example as it is there", () => {
  const [shown = ""] = blocks("client/lua/README.md", "lua")
  const check = shown.split("\n\n")
  expect(check.length).toBeGreaterThan(3)
  expect(check.filter((part) => !read(`${FOLDER}/neovim.lua`).includes(part.trim()))).toEqual([])
})

describe(PAGE, () => {
  const files = readdirSync(join(ROOT, FOLDER)).map((name) => `${FOLDER}/${name}`)

  it("leads to every example", () => {
    expect(files.filter((file) => !read(PAGE).includes(`](../${file})`) && !file.endsWith(".mjs"))).toEqual([])
  })

  it.each([
    ["python", /\.py$/],
    ["sh", /\.sh$/],
    ["js", /\.mjs$/],
  ])("shows code of the examples in %s as it is there", (language, ending) => {
    const shown = blocks(PAGE, language)
    expect(shown).not.toEqual([])
    const sources = files.filter((file) => ending.test(file)).map(read)
    expect(shown.filter((block) => !sources.some((source) => source.includes(block)))).toEqual([])
  })

  it("shows a conversation as it goes", async () => {
    await replay(conversation)
  })

  it("shows frames that are none too long and none too short", async () => {
    const messages = await messagesIn(blocks(PAGE, ""))
    expect(messages).toEqual([
      { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: 1 } },
      { jsonrpc: "2.0", method: "transport/write", params: { transport: 2, data: Buffer.from("hello") } },
    ])
  })
})
