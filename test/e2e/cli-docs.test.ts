/** `docs/cli.md` is true: its examples run, its table is the command's own, and every verb has its section. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { EXIT_CODES } from "../../cli/exitCodes.ts"
import { VERBS } from "../../cli/verbs/index.ts"
import { Sandbox } from "../cli/sandbox.ts"

const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8")
const examples = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, script = ""]) => script)

describe("docs/cli.md", () => {
  it("has a section for every verb", () => {
    const sections = [...page.matchAll(/^## (\S+)$/gm)].map(([, name]) => name)
    expect(sections).toEqual(expect.arrayContaining(Object.keys(VERBS)))
  })

  it("has the exit table of the command", () => {
    const rows = [...page.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => ({
      code: Number(code),
      meaning,
    }))
    expect(rows).toEqual(Object.values(EXIT_CODES))
  })

  it("has examples to run", () => {
    expect(examples.length).toBeGreaterThan(5)
  })

  it.skipIf(process.platform === "win32").each(examples)("runs\n%s", async (script) => {
    await using sandbox = new Sandbox()
    const { code, stderr } = await sandbox.startProgram(["sh", "-euc", script], { env: sandbox.commandOnPath() }).ended
    // Should an example fail before its `stop`, no daemon of it may stay.
    await sandbox.run(["stop"])
    expect({ code, stderr: stderr.replace(/^transportd: listening on .*\n/, "") }).toEqual({ code: 0, stderr: "" })
  })
})
