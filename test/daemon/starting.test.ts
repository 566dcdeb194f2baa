import { readdirSync, readlinkSync } from "node:fs"
import { expect, test } from "vitest"
import { mayRun } from "../../daemon/native/spawn.ts"
import { setup } from "../support/setup.ts"
import { startingSuite } from "./starting.ts"

startingSuite("a program that is started")

const harness = setup()

/** Descriptors of this process by which it hears of the end of a child: what Node starts needs none. */
function watched(): number {
  const leadsTo = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ""
    }
  }
  return readdirSync("/proc/self/fd").filter((fd) => leadsTo(fd) === "anon_inode:[pidfd]").length
}

test.skipIf(mayRun("/") === null)("the C library starts it where there is one, and nothing stays of it", async () => {
  const client = await (await harness.startDaemon()).connect()
  const { transport, pipes } = await client.request<{ transport: number; pipes: Record<number, number> }>(
    "loop/subprocessExec",
    { program: "cat" },
  )
  expect(watched()).toBe(1)
  client.notify("transport/writeEof", { transport: pipes[0] })
  await client.lost(transport)
  expect(watched()).toBe(0)
})
