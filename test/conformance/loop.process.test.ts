/** The loop's methods that start processes. */
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { barrier, ProcessRecorder } from "../client/library.ts"
import { folder } from "../support/pipes.ts"
import { setupKinds } from "./kinds.ts"
import { proves } from "./rows.ts"

const harness = setupKinds()
const { startLibrary } = harness

function unwanted(): ProcessRecorder {
  return expect.unreachable("the factory is not called")
}

proves(
  "LOOP-subprocess_exec",
  "passes arguments as they are; what cannot be started is an error and no callback",
  async () => {
    const { client } = await startLibrary()
    const { loop } = client
    const odd = ["", " ", "a b", "$HOME", "'\"\\", "*", "ü𝄞", "-n", "\n"]
    const protocol = new ProcessRecorder()
    const script = "process.stdout.write(JSON.stringify(process.argv.slice(1)))"
    const [transport] = await loop.subprocessExec(() => protocol, [process.execPath, "-e", script, "--", ...odd])
    await protocol.lost()
    expect(JSON.parse(protocol.output(1))).toEqual(odd)
    expect([0, 1, 2].every((fd) => transport.getPipeTransport(fd) !== null)).toBe(true)

    const directory = await folder(harness)
    const file = join(directory, "file")
    writeFileSync(file, "#!/bin/sh\n")
    chmodSync(file, 0o600)
    for (const [program, errno] of [
      ["/no/such/program", "ENOENT"],
      ["no-such-program", "ENOENT"],
      [file, "EACCES"],
      [directory, "EACCES"],
    ] as const) {
      await expect(loop.subprocessExec(unwanted, [program])).rejects.toMatchObject({ name: "SpawnFailed", errno })
    }
    const nowhere = loop.subprocessExec(unwanted, ["true"], { cwd: join(directory, "missing") })
    await expect(nowhere).rejects.toMatchObject({ errno: "ENOENT" })
    await barrier(client)
    expect(client.greeting.capabilities.kinds).toContain("subprocess")
  },
)

proves("LOOP-subprocess_shell", "runs a line with /bin/sh, whose status or signal is the return code", async () => {
  const { client } = await startLibrary()
  for (const [line, output, returncode] of [
    ["echo one | tr a-z A-Z && echo $((6 * 7))", "ONE\n42\n", 0],
    ["exit 7", "", 7],
    ["no-such-command 2>/dev/null", "", 127],
    ["kill -KILL $$", "", -9],
  ] as const) {
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessShell(() => protocol, line)
    await protocol.lost()
    expect([protocol.output(1), transport.getReturncode()]).toEqual([output, returncode])
  }
  await expect(client.loop.subprocessShell(unwanted, "")).rejects.toMatchObject({ name: "InvalidParams" })
  await expect(client.loop.subprocessShell(unwanted, 7 as unknown as string)).rejects.toMatchObject({
    name: "InvalidParams",
  })
})
