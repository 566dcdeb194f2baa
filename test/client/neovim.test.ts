/**
 * The client for Neovim, `client/lua/`, as Neovim runs it: each scenario of `neovim.lua` in a Neovim of its own, with a
 * daemon of this process.
 */
import { join } from "node:path"
import { expect, it } from "vitest"
import { Sandbox } from "../cli/sandbox.ts"
import { read, ROOT } from "../house/sources.ts"
import { describeWith } from "../interop/programs.ts"
import { setup } from "../support/setup.ts"
import { certificateFile } from "../support/tls.ts"

const PROGRAM = "test/client/neovim.lua"
const names = [...read(PROGRAM).matchAll(/^scenarios\['(.*)'\] = /gm)].map(([, name = ""]) =>
  name.replaceAll("\\'", "'"),
)

describeWith(["nvim"], ([program]) => {
  const { startDaemon } = setup()

  it.each(names)("%s", async (name) => {
    await using sandbox = new Sandbox()
    const { daemon } = await startDaemon()
    const socket = join(sandbox.folder, "daemon.sock")
    await daemon.listen(socket)
    const library = ["--cmd", `set rtp+=${join(ROOT, "client/lua")}`]
    const running = sandbox.startProgram(
      [program, "--headless", "--clean", ...library, "-c", `luafile ${join(ROOT, PROGRAM)}`],
      { env: { ...sandbox.commandOnPath(), SCENARIO: name, SOCKET: socket, CERTIFICATES: certificateFile("") } },
    )
    const { code, stderr } = await running.ended
    expect(code, stderr).toBe(0)
  })

  it("are the scenarios of the program", () => {
    expect(names.length).toBeGreaterThan(10)
  })
})
