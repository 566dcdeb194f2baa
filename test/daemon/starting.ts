/** How a program is found and what it starts with: the same whether the C library starts it, or Node. */
import { chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { RawClient } from "../support/client.ts"
import { folder } from "../support/pipes.ts"
import { shell } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const onLinux = process.platform === "linux"

export function startingSuite(title: string): void {
  const harness = setup()

  async function start(): Promise<RawClient> {
    return await (await harness.startDaemon()).connect()
  }

  /** What it wrote, and how it ended. */
  async function run(params: object): Promise<{ stdout: string; returncode: unknown; signal: unknown }> {
    const client = await start()
    const { transport } = await client.request<{ transport: number }>("loop/subprocessExec", params)
    await client.lost(transport)
    const { returncode, signal } = (await client.callback(transport, "processExited")).params
    return { stdout: client.data(transport, 1).toString(), returncode, signal }
  }

  async function file(name: string, text: string, mode: number): Promise<string> {
    const path = await folder(harness)
    await writeFile(join(path, name), text)
    await chmod(join(path, name), mode)
    return path
  }

  describe(title, () => {
    test("says how it exited, or which signal ended it", async () => {
      expect(await run(shell("exit 7"))).toMatchObject({ returncode: 7, signal: null })
      expect(await run(shell("kill -KILL $$"))).toMatchObject({ returncode: -9, signal: "SIGKILL" })
    })

    test("is looked for in its own PATH, where what cannot be run is passed over", async () => {
      const name = "transportd-test-program"
      const places = [
        "/nowhere",
        await file(name, "#!/bin/sh\necho wrong", 0o644),
        await file(name, "#!/bin/sh\necho right", 0o755),
      ]
      expect((await run({ program: name, env: { PATH: places.join(":") } })).stdout).toBe("right\n")
    })

    test("is looked for in its own directory where its path is relative, and where PATH says so", async () => {
      const cwd = await file("program", '#!/bin/sh\necho "here, $1"', 0o755)
      expect((await run({ program: "./program", args: ["a b"], cwd })).stdout).toBe("here, a b\n")
      expect((await run({ program: "program", args: ["c"], cwd, env: { PATH: "/nowhere:" } })).stdout).toBe("here, c\n")
    })

    test("may be a script that does not say of which shell", async () => {
      const path = await file("script", 'echo "from a script: $1"', 0o755)
      expect((await run({ program: join(path, "script"), args: ["x"] })).stdout).toBe("from a script: x\n")
    })

    test("is refused with the reason where it cannot be run", async () => {
      const client = await start()
      const interpreterMissing = join(await file("script", "#!/nowhere/sh\n", 0o755), "script")
      const refused = [
        [{ program: "transportd-no-such-program" }, "ENOENT"],
        [{ program: interpreterMissing }, "ENOENT"],
        [{ program: join(await file("text", "text", 0o644), "text") }, "EACCES"],
        [{ program: "/" }, "EACCES"],
        [
          { program: "cat", args: ["x".repeat(130_000), ...Array.from({ length: 60 }, () => "y".repeat(130_000))] },
          "E2BIG",
        ],
      ] as const
      for (const [params, errno] of refused) {
        expect(await client.failure("loop/subprocessExec", params)).toMatchObject({ code: 1501, data: { errno } })
      }
      const elsewhere = { program: "cat", cwd: "/nowhere" }
      expect(await client.failure("loop/subprocessExec", elsewhere)).toMatchObject({
        code: 1201,
        data: { errno: "ENOENT", syscall: "chdir" },
      })
    })

    test.skipIf(!onLinux)("ignores and blocks no signal, whatever the daemon does", async () => {
      const { stdout } = await run({ program: "grep", args: ["^Sig[BI]", "/proc/self/status"] })
      expect(stdout).toMatch(/^SigBlk:\t0+\nSigIgn:\t0+\n$/)
    })

    test.skipIf(!onLinux)("leads a group, or is of the daemon's", async () => {
      const group = shell("cut -d ' ' -f 1,5,6 /proc/self/stat & wait; echo $$")
      const [own, leader] = (await run(group)).stdout.trim().split("\n")
      expect(own?.split(" ").slice(1)).toEqual([leader, leader])
      const [others] = (await run({ ...group, processGroup: false })).stdout.trim().split("\n")
      const [ours] = (await run({ program: "cut", args: ["-d", " ", "-f", "5,6", `/proc/${process.pid}/stat`] })).stdout
        .trim()
        .split("\n")
      expect(others?.split(" ").slice(1).join(" ")).toBe(ours)
    })

    test("has nothing where it is to have nothing, and stdout twice where it is to have that", async () => {
      const program = shell("cat; echo out; echo err >&2")
      expect((await run({ ...program, stdin: "null", stderr: "stdout" })).stdout).toBe("out\nerr\n")
      expect(await run({ ...program, stdin: "null", stdout: "null", stderr: "null" })).toMatchObject({
        stdout: "",
        returncode: 0,
      })
    })

    test("may be killed as soon as it is there", async () => {
      const client = await start()
      const { transport } = await client.request<{ transport: number }>("loop/subprocessExec", { program: "cat" })
      client.notify("transport/kill", { transport })
      await client.lost(transport)
      expect((await client.callback(transport, "processExited")).params).toMatchObject({ signal: "SIGKILL" })
    })
  })
}
