import { describe, expect, it, vi } from "vitest"
import { readCommandLine } from "../../cli/commandLine.ts"
import { plainOptions } from "../../cli/plain.ts"
import { VERBS } from "../../cli/verbs/index.ts"

type Env = Record<string, string>

async function plain([name = "", ...rest]: readonly string[], env: Env): Promise<object | null> {
  const verb = await VERBS[name]?.load()
  if (verb === undefined) throw new Error(`there is no verb ${name}`)
  return plainOptions(verb, rest, env)
}

/** What commander makes of it; null when it complains. */
async function byCommander(args: readonly string[], env: Env): Promise<object | null> {
  let options: object | null = null
  const silent = vi.spyOn(process.stderr, "write").mockReturnValue(true)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  try {
    await readCommandLine(args, (_verb, _operands, given) => {
      // Commander has all its options in one object without a prototype's help.
      options = { ...given }
      return Promise.resolve(0)
    })
    return options
  } finally {
    vi.unstubAllEnvs()
    silent.mockRestore()
  }
}

describe("a plain command line", () => {
  it.each<[string, Env?]>([
    ["stdio"],
    ["stdio --framing=header"],
    ["stdio --framing newline"],
    ["stdio --framing header --framing newline"],
    ["stdio", { TRANSPORTD_FRAMING: "newline" }],
    ["stdio --framing=header", { TRANSPORTD_FRAMING: "newline" }],
    ["serve"],
    ["serve --socket /tmp/a.sock"],
    ["serve --socket=/tmp/a=b.sock --ready-fd 3"],
    ["serve --ready-fd=0x3"],
    ["ls --socket /tmp/a.sock"],
    ["top"],
    ["stop --timeout 2"],
  ])("means what commander makes of it: %s %j", async (line, env = {}) => {
    const options = await plain(line.split(" "), env)
    expect(options).not.toBeNull()
    expect(options).toEqual(await byCommander(line.split(" "), env))
  })

  it.each<[string, Env?]>([
    ["stdio --framing=morse"],
    ["stdio --framing"],
    ["stdio --framing="],
    ["stdio --frames=header"],
    ["stdio header"],
    ["stdio", { TRANSPORTD_FRAMING: "morse" }],
    ["stdio", { TRANSPORTD_FRAMING: "" }],
    ["serve --ready-fd three"],
    ["serve --ready-fd -1"],
    ["stdio --help"],
    ["stdio -h"],
  ])("is none that commander complains about, or helps with: %s %j", async (line, env = {}) => {
    expect(await plain(line.split(" "), env)).toBeNull()
    const silent = vi.spyOn(process.stdout, "write").mockReturnValue(true)
    expect(await byCommander(line.split(" "), env)).toBeNull()
    silent.mockRestore()
  })

  it("has no operands, no flags and no short names: those are commander's", async () => {
    for (const line of ["run true", "call daemon/info", "ls --json", "ls -l", "serve -- x", "serve --socket -x"]) {
      expect(await plain(line.split(" "), {}), line).toBeNull()
    }
  })
})
