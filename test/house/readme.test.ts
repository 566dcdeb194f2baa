/**
 * The examples of the README and of the protocol page, run: what they show is what happens. And what the written pages
 * name exists: messages, tests, other pages.
 * The programs run as built, as a reader would run them; the transcript is held against a daemon in this process.
 */
import { execFile } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { declarations } from "../../protocol/registry.ts"
import { messagesIn, replay } from "../support/transcript.ts"
import { blocks, filesUnder, read, ROOT } from "./sources.ts"

const run = promisify(execFile)

describe("the README", () => {
  const [typescript = ""] = blocks("README.md", "ts")
  const [printed = "", transcript = ""] = blocks("README.md", "text")
  const [shell = "", comingBack = ""] = blocks("README.md", "sh").filter((block) => /^transportd /m.test(block))

  it("shows the program of examples/readme.ts, which `npm run check` checks", () => {
    const [, ...program] = read("examples/readme.ts").split("\n")
    expect(typescript.trim()).toBe(program.join("\n").trim())
  })

  it("shows the program of examples/python/readme.py, which runs in test/interop", () => {
    const [python = ""] = blocks("README.md", "python")
    const [, ...program] = read("examples/python/readme.py").split("\n")
    expect(python.trim()).toBe(program.join("\n").trim())
  })

  it("says what that program prints", async () => {
    const { stdout } = await run(process.execPath, [join(ROOT, "dist/examples/readme.js")])
    expect(stdout).toBe(printed)
  })

  it("shows a conversation as it goes, but for what … stands for", async () => {
    await replay(transcript)
  })

  it.skipIf(process.platform === "win32")("shows shell commands that work", { timeout: 60_000 }, async () => {
    // A remote that answers belongs to the tests of the command; here nothing leaves the machine.
    const printed = await inShell(shell.replace(/^transportd connect .*$/m, ""))
    expect(printed).toMatch(/^hello$/m)
    expect(printed).toContain('"protocolVersion"')
  })

  it.skipIf(process.platform === "win32")("shows how to come back", { timeout: 60_000 }, async () => {
    // How far the program has got when it is looked at first is its own affair.
    const printed = await inShell(comingBack.replace(/^transportd logs .*$/m, ""))
    expect(printed).toMatch(/^\d+\nworking\nheard: hello\nworking\nheard: hello$/m)
  })

  it.each(["docs/performance.md", "docs/reliability.md", "docs/portability.md", "docs/cli.md", "docs/clients.md"])(
    "leads to %s where it is",
    (page) => expect(read("README.md").includes(`](${page})`)).toBe(existsSync(join(ROOT, page))),
  )
})

/** Runs `script` where `transportd` is the built command, with a socket of its own. */
async function inShell(script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "readme-"))
  const command = join(folder, "transportd")
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, "dist/cli/main.js")}" "$@"\n`)
  chmodSync(command, 0o755)
  const env = {
    ...process.env,
    PATH: `${folder}:${process.env.PATH}`,
    TRANSPORTD_SOCKET: join(folder, "d.sock"),
    XDG_STATE_HOME: folder,
  }
  try {
    return (await run("sh", ["-c", script], { env })).stdout
  } finally {
    await run(command, ["stop"], { env }).catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  }
}

describe("the protocol page", () => {
  const frames = blocks("docs/protocol.md", "").filter((block) => block.startsWith("Content-Length"))

  it("shows frames that are none too long and none too short", async () => {
    expect(frames).toHaveLength(2)
    const messages = await messagesIn(frames)
    expect(messages).toEqual([
      { jsonrpc: "2.0", id: 2, method: "daemon/info", params: {} },
      { jsonrpc: "2.0", method: "protocol/dataReceived", params: { transport: 7, data: Buffer.from("hello") } },
    ])
  })
})

describe("the pages", () => {
  /** Messages in backticks; a path goes on behind what looks like one. */
  const named = (text: string): string[] => {
    const found = text.matchAll(/`((?:loop|transport|protocol|server|daemon)\/[a-zA-Z]+)(?![\w./-])/g)
    return [...new Set([...found].map(([, name = ""]) => name))]
  }
  const [page = "", reserved = ""] = read("docs/protocol.md").split(/^## Reserved$/m)
  const known = declarations.map(({ name }) => name)

  it.each(["README.md", "ARCHITECTURE.md", "docs/protocol.md", "docs/clients.md"])(
    "%s speaks of messages that there are",
    (file) => {
      const text = file === "docs/protocol.md" ? page : read(file)
      expect(named(text).filter((name) => !known.includes(name))).toEqual([])
    },
  )

  it("name every message of the protocol, but for what is alike in each namespace", () => {
    // The page lists some by the end of their name, as in `close`.
    expect(known.filter((name) => !page.includes(name.replace(/^(?:transport|protocol|server)\//, "")))).toEqual([])
  })

  it("reserve only what is missing", () => {
    expect(named(reserved).filter((name) => known.includes(name))).toEqual([])
  })

  it("say of each thing that always holds a test that exists", () => {
    const files = filesUnder("test", "")
    const tests = [...read("ARCHITECTURE.md").matchAll(/`(test\/[\w./*-]+)`|\]\((test\/[\w./-]+)\)/g)].map(
      ([, code, link]) => (code ?? link) as string,
    )
    expect(tests.length).toBeGreaterThan(20)
    const isThere = (name: string): boolean => {
      const pattern = new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}`)
      return files.some((file) => pattern.test(file.replace(/^(?!test\/)/, "test/")))
    }
    expect(tests.filter((name) => !isThere(name))).toEqual([])
  })
})
