/** The daemon's socket in real directories: modes, the race, staleness, and what must stay untouched. */

import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises"
import { stat, symlink, unlink, writeFile } from "node:fs/promises"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { adoptListener, listenOnUnixSocket } from "../../daemon/listeners/unixSocket.ts"
import type { SocketListener, UnixSocketOptions } from "../../daemon/listeners/unixSocket.ts"

const isLinux = process.platform === "linux"
const isRoot = process.geteuid?.() === 0
const cleanups: (() => unknown)[] = []
/** Kept for good: when collected, a handle closes its descriptor's number, which by then may be somebody else's. */
const received: unknown[] = []
let directory: string
let path: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "td-"))
  path = join(directory, "d.sock")
  cleanups.push(() => rm(directory, { recursive: true, force: true }))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function listen(at = path, options: UnixSocketOptions = {}): Promise<SocketListener> {
  const listener = await listenOnUnixSocket(at, greet, options)
  cleanups.push(() => listener.close())
  return listener
}

function greet(socket: Socket): void {
  socket.on("error", () => {})
  socket.end("hello")
}

async function greetingAt(at = path): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of connect(at)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o7777).toString(8)
}

function refusal(errno: string, message = /./): object {
  return { name: "OsFailure", message: expect.stringMatching(message), data: expect.objectContaining({ errno }) }
}

/** A node process that runs `script` and has sent its first IPC message. */
async function childThat(script: string): Promise<{ child: ChildProcess; handle: unknown }> {
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  cleanups.push(() => child.kill("SIGKILL"))
  const [, handle] = (await once(child, "message")) as [unknown, unknown]
  received.push(handle)
  return { child, handle }
}

/** Leaves the socket file of a daemon that was killed. */
async function leaveStaleSocket(): Promise<void> {
  const { child } = await childThat(`
    require("net").createServer().listen(${JSON.stringify(path)}, () => process.send("ready"))
  `)
  child.kill("SIGKILL")
  await once(child, "exit")
}

test("it listens with private modes, and close leaves only the directory", async () => {
  path = join(directory, "a", "b", "d.sock")
  const listener = await listen()
  expect(listener.path).toBe(path)
  expect(await greetingAt()).toBe("hello")
  expect(await modeOf(path)).toBe("600")
  expect(await modeOf(dirname(path))).toBe("700")
  expect(await modeOf(join(directory, "a"))).toBe("700")
  expect(await readdir(dirname(path))).toHaveLength(2)
  await listener.close()
  await listener.close()
  expect(await readdir(dirname(path))).toEqual([])
})

test("the umask is what it was, also after a failure", async () => {
  const before = process.umask()
  await listen()
  await expect(listen()).rejects.toThrow()
  expect(process.umask()).toBe(before)
})

test("connections go on after close", async () => {
  const accepted: Socket[] = []
  const listener = await listenOnUnixSocket(path, (socket) => accepted.push(socket.on("error", () => {})))
  const client = connect(path)
  cleanups.push(() => client.destroy())
  await once(client, "connect")
  client.write("ping")
  while (accepted.length === 0) await new Promise(setImmediate)
  await listener.close()
  accepted[0]!.end("still here")
  const [chunk] = (await once(client, "data")) as [Buffer]
  expect(chunk.toString()).toBe("still here")
})

test("a second listener is refused and the first goes on", async () => {
  await listen()
  await expect(listen()).rejects.toMatchObject(refusal("EADDRINUSE", /a daemon already listens on .*d\.sock/))
  const other = { processes: { self: { pid: 7, startId: "s" }, isAlive: () => true } }
  await expect(listen(path, { contention: other })).rejects.toMatchObject(refusal("EADDRINUSE"))
  expect(await greetingAt()).toBe("hello")
  expect(await readdir(directory)).toHaveLength(2)
})

test("a socket that answers without our lock is refused and stays", async () => {
  const stranger = createServer().listen(path)
  cleanups.push(() => stranger.close())
  await once(stranger, "listening")
  const { ino } = await lstat(path)
  await expect(listen()).rejects.toMatchObject(refusal("EADDRINUSE"))
  expect((await lstat(path)).ino).toBe(ino)
  expect(await readdir(directory)).toEqual(["d.sock"])
})

test.runIf(isLinux)("a daemon that is stopped, its backlog full, is not taken for dead", async () => {
  const { child } = await childThat(`
    const where = { path: ${JSON.stringify(path)}, backlog: 1 }
    require("net").createServer().listen(where, () => process.send("ready"))
  `)
  child.kill("SIGSTOP")
  let refused: unknown
  while (refused === undefined) {
    const socket = connect(path)
    cleanups.push(() => socket.destroy())
    await once(socket, "connect").catch((error: unknown) => (refused = error))
    socket.on("error", () => {})
  }
  expect(refused).toMatchObject({ code: "EAGAIN" })
  await expect(listen()).rejects.toMatchObject(refusal("EADDRINUSE"))
  expect((await lstat(path)).isSocket()).toBe(true)
})

test("the socket of a killed daemon is replaced", async () => {
  await leaveStaleSocket()
  await listen()
  expect(await greetingAt()).toBe("hello")
})

test.runIf(isRoot)("the stale socket of another user stays", async () => {
  await leaveStaleSocket()
  await chown(path, 12345, 12345)
  await expect(listen()).rejects.toMatchObject(refusal("EEXIST", /socket of user 12345/))
  expect((await lstat(path)).isSocket()).toBe(true)
})

test("a file, a directory and a symbolic link at the path are refused and stay", async () => {
  await writeFile(path, "precious")
  await expect(listen()).rejects.toMatchObject(refusal("EEXIST", /is no socket and was left untouched/))
  expect(await readFile(path, "utf8")).toBe("precious")

  const folder = join(directory, "folder")
  await mkdir(folder)
  await expect(listen(folder)).rejects.toMatchObject(refusal("EEXIST"))

  const dangling = join(directory, "link")
  await symlink(join(directory, "nowhere"), dangling)
  await expect(listen(dangling)).rejects.toMatchObject(refusal("EEXIST"))
  expect((await readdir(directory)).toSorted()).toEqual(["d.sock", "folder", "link"])
})

test("closing leaves the socket file of a successor alone", async () => {
  const old = await listen()
  await unlink(path)
  const successor = createServer(greet).listen(path)
  cleanups.push(() => successor.close())
  await once(successor, "listening")
  await old.close()
  expect(await greetingAt()).toBe("hello")
  expect(await readdir(directory)).toEqual(["d.sock"])
})

test("a directory that is a symbolic link is refused", async () => {
  await mkdir(join(directory, "real"), { mode: 0o700 })
  await symlink("real", join(directory, "link"))
  await expect(listen(join(directory, "link", "d.sock"))).rejects.toMatchObject(refusal("EACCES", /symbolic link/))
  expect(await readdir(join(directory, "real"))).toEqual([])
})

test.each([
  ["700", true, null],
  ["750", true, /others have rights in it \(mode 750\); chmod 700 it/],
  ["755", false, null],
  ["1777", false, null],
  ["777", false, /others can replace files in it \(mode 777\); chmod go-w/],
  ["775", false, /chmod go-w/],
])("of a directory with mode %s (the default place: %s) the complaint is %s", async (mode, isPrivate, complaint) => {
  await chmod(directory, Number.parseInt(mode, 8))
  const listener = listen(path, { privateDirectory: isPrivate })
  if (complaint === null) await listener
  else await expect(listener).rejects.toMatchObject(refusal("EACCES", complaint))
})

test.runIf(isRoot)("a directory of another user is refused", async () => {
  await chown(directory, 12345, 12345)
  await expect(listen()).rejects.toMatchObject(refusal("EACCES", /belongs to user 12345/))
  await expect(listen(path, { privateDirectory: true })).rejects.toMatchObject(refusal("EACCES", /user 12345/))
})

test("a path that does not fit is refused before anything is made, the temporary name counts too", async () => {
  const long = join(directory, "x".repeat(60), "y".repeat(60))
  await expect(listen(long)).rejects.toMatchObject(refusal("ENAMETOOLONG", /at most 103/))
  const tight = join(directory, "x".repeat(100 - directory.length), "d")
  expect(tight.length).toBe(103)
  const contention = { random: () => 0.9 }
  await expect(listen(tight, { contention })).rejects.toMatchObject(refusal("ENAMETOOLONG"))
  expect(await readdir(directory)).toEqual([])
})

test("what the system refuses keeps its name", async () => {
  await writeFile(path, "")
  await expect(listen(join(path, "folder", "d.sock"))).rejects.toMatchObject(refusal("ENOTDIR", /cannot listen on/))
})

test.each([false, true])("of 50 contenders at once exactly one wins (stale socket: %s)", async (hasStaleSocket) => {
  if (hasStaleSocket) await leaveStaleSocket()
  const contenders = Array.from({ length: 50 }, (_, index) => {
    const processes = { self: { pid: 100 + index, startId: "s" }, isAlive: () => true }
    return listen(path, { contention: { processes } })
  })
  const outcomes = await Promise.allSettled(contenders)
  const losers = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason as unknown)
  expect(losers).toHaveLength(49)
  for (const reason of losers) expect(reason).toMatchObject(refusal("EADDRINUSE", /a daemon already listens/))
  expect(await greetingAt()).toBe("hello")
  expect(await readdir(directory)).toHaveLength(2)
})

test("an inherited socket is adopted, and its file is left to who made it", async () => {
  const { child, handle } = await childThat(`
    const server = require("net").createServer()
    server.listen(${JSON.stringify(path)}, () => process.send("socket", server._handle))
  `)
  child.kill("SIGKILL")
  await once(child, "exit")
  const listener = await adoptListener(handle as { fd: number }, greet)
  cleanups.push(() => listener.close())
  expect(listener.path).toBeNull()
  expect(await greetingAt()).toBe("hello")
  await listener.close()
  expect((await lstat(path)).isSocket()).toBe(true)
})

test("an inherited TCP socket is refused", async () => {
  const { handle } = await childThat(`
    const server = require("net").createServer()
    server.listen(0, "127.0.0.1", () => process.send("socket", server._handle))
  `)
  await expect(adoptListener(handle as { fd: number }, greet)).rejects.toMatchObject(refusal("EAFNOSUPPORT"))
})

test("an inherited descriptor that is no socket is refused", async () => {
  await expect(adoptListener({ fd: 0xffff }, greet)).rejects.toMatchObject(refusal("EINVAL", /descriptor 65535/))
})
