/** The lock of one socket path, with real files and processes of the test's making. */

import { spawnSync } from "node:child_process"
import { chown, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { acquireLock, type Contention, type ProcessIdentity } from "../../daemon/listeners/lock.ts"

let directory: string
let path: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "td-"))
  path = join(directory, "d.sock")
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** The process `pid` in a world where exactly the pids from 100 on live. */
function inProcess(pid: number): Contention & { processes: { self: ProcessIdentity } } {
  return {
    processes: { self: { pid, startId: "s" }, isAlive: (other) => other.pid >= 100 },
    sleep: async () => {},
  }
}

const refuse = async (): Promise<void> => {
  throw new Error("rival")
}

test("the lock file is private, names its process and goes with the release", async () => {
  const lock = await acquireLock(path)
  const [name, ...others] = await readdir(directory)
  expect(name).toMatch(new RegExp(`^d\\.sock\\.lock\\.${process.pid}\\.[\\w-]+$`))
  expect(others).toEqual([])
  expect((await stat(join(directory, name!))).mode & 0o777).toBe(0o600)
  await lock.release()
  expect(await readdir(directory)).toEqual([])
})

test("a second contender withdraws, whether another process or the same", async () => {
  await acquireLock(path, refuse, inProcess(100))
  await expect(acquireLock(path, refuse, inProcess(101))).rejects.toThrow("rival")
  await expect(acquireLock(path, refuse, inProcess(100))).rejects.toThrow("rival")
  expect(await readdir(directory)).toEqual(["d.sock.lock.100.s"])
})

test("a contender whose rival releases gets the lock", async () => {
  const first = await acquireLock(path, refuse, inProcess(100))
  await acquireLock(path, () => first.release(), inProcess(101))
  expect(await readdir(directory)).toEqual(["d.sock.lock.101.s"])
})

test("a late second release leaves the next lock of the same process alone", async () => {
  const first = await acquireLock(path, refuse, inProcess(100))
  await first.release()
  await acquireLock(path, refuse, inProcess(100))
  await first.release()
  expect(await readdir(directory)).toEqual(["d.sock.lock.100.s"])
})

test("a rival that never gets done is named, with its file and the cure", async () => {
  await acquireLock(path, refuse, inProcess(100))
  let waits = 0
  const sleep = async (ms: number): Promise<void> => {
    waits += 1
    expect(ms).toBeLessThanOrEqual(250)
  }
  await expect(acquireLock(path, undefined, { ...inProcess(101), sleep })).rejects.toMatchObject({
    name: "OsFailure",
    message: expect.stringContaining(`remove ${path}.lock.100.s`),
    data: { errno: "EADDRINUSE", path },
  })
  expect(waits).toBe(39)
})

test("files of the dead are removed; names that are no lock of this path stay", async () => {
  const foreign = ["d.sock.lock.old", "d.sock.lock.0.s", "e.sock.lock.7.s", "d.sock.lock.7.s.bak"]
  for (const name of [...foreign, "d.sock.lock.7.s", "d.sock.lock.8.s"]) await writeFile(join(directory, name), "")
  await acquireLock(path, refuse, inProcess(100))
  expect((await readdir(directory)).toSorted()).toEqual([...foreign, "d.sock.lock.100.s"].toSorted())
})

test("a process that ended, and an earlier one of our own pid, are dead", async () => {
  const { pid } = spawnSync(process.execPath, ["-e", ""])
  await writeFile(`${path}.lock.${pid}.x`, "")
  await writeFile(`${path}.lock.${process.pid}.x`, "")
  const lock = await acquireLock(path, refuse)
  expect(await readdir(directory)).toHaveLength(1)
  await lock.release()
})

const isLinux = process.platform === "linux"

test.runIf(isLinux)("a living process with another start is a reused pid, hence dead", async () => {
  await writeFile(`${path}.lock.${process.ppid}.x`, "")
  await acquireLock(path, refuse)
  expect(await readdir(directory)).toHaveLength(1)
})

test.runIf(process.geteuid?.() === 0)("files of another user neither shut us out nor are removed", async () => {
  await writeFile(`${path}.lock.100.s`, "")
  await chown(`${path}.lock.100.s`, 12345, 12345)
  await acquireLock(path, refuse, inProcess(101))
  expect(await readdir(directory)).toHaveLength(2)
})

test("never do two hold the lock, and everybody gets it once", async () => {
  let holders = 0
  let most = 0
  const contend = async (pid: number): Promise<void> => {
    const lock = await acquireLock(path, undefined, { processes: inProcess(pid).processes })
    most = Math.max(most, (holders += 1))
    await readdir(directory)
    holders -= 1
    await lock.release()
  }
  await Promise.all(Array.from({ length: 10 }, (_, index) => contend(100 + index)))
  expect(most).toBe(1)
  expect(await readdir(directory)).toEqual([])
})
