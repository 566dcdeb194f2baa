/** What being remote adds where the daemon is another process: its descriptors, its directory, its keys are not ours. */
import { existsSync, readlinkSync } from "node:fs"
import { join, relative } from "node:path"
import { expect } from "vitest"
import { connect, type Client } from "transportd/client"
import { barrier, ProcessRecorder, Recorder } from "../client/library.ts"
import { ROOT } from "../house/sources.ts"
import { folder } from "../support/pipes.ts"
import { certificateFile, pem, visitTls } from "../support/tls.ts"
import { setupKinds } from "./kinds.ts"
import { proves } from "./rows.ts"

const harness = setupKinds()
const { startLibrary } = harness

/** A client of a daemon of its own over stdio, which runs in another directory with another environment and umask. */
async function launch(): Promise<Client> {
  const { PATH = "" } = process.env
  const line = 'cd / && umask 027 && exec "$@"'
  const daemon = [process.execPath, join(ROOT, "dist/cli/main.js"), "stdio", "--framing=header"]
  const command = ["/bin/sh", "-c", line, "sh", ...daemon] as const
  const client = await connect({ launch: { command: [...command], env: { PATH, OF_THE_DAEMON: "yes" } } })
  harness.cleanup(() => client.close())
  return client
}

proves("REM-8", "a child never gets the daemon's own descriptors, which carry messages", async () => {
  const client = await launch()
  const { pid } = client.greeting.serverInfo
  const noise = new ProcessRecorder()
  const message = String.raw`printf 'Content-Length: 2\r\n\r\n{}'; printf 'Content-Length: 2\r\n\r\n{}' >&2; cat`
  await client.loop.subprocessShell(() => noise, message, { stdin: "null", stdout: "null", stderr: "null" })
  await noise.lost()
  expect(noise.recording.events).toEqual(["made", "exited", "lost"])

  const child = new ProcessRecorder()
  const list = "for fd in /proc/$$/fd/*; do readlink $fd; done"
  await client.loop.subprocessShell(() => child, list, { stdin: "null", stderr: "null" })
  await child.lost()
  // The session goes on: what the first child wrote was heard by nobody.
  await barrier(client)
  if (process.platform !== "linux") return
  const held = child.output(1).split("\n")
  const own = [0, 1].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  expect(held.filter((target) => target === "/dev/null").length).toBeGreaterThanOrEqual(2)
  expect(held.filter((target) => own.includes(target))).toEqual([])
})

proves(
  "REM-9",
  "a child gets the client's directory, environment and umask; relative paths are the client's",
  async () => {
    const client = await launch()
    process.env.OF_THE_CLIENT = "yes"
    harness.cleanup(() => delete process.env.OF_THE_CLIENT)
    const child = new ProcessRecorder()
    await client.loop.subprocessShell(() => child, 'pwd; umask; echo "$OF_THE_CLIENT,$OF_THE_DAEMON"')
    await child.lost()
    const umask = process.umask().toString(8).padStart(4, "0")
    expect(child.output(1)).toBe(`${process.cwd()}\n${umask}\nyes,\n`)

    const path = join(await folder(harness), "socket")
    const server = await client.loop.createUnixServer(() => ({}), { path: relative(process.cwd(), path) })
    expect(existsSync(path)).toBe(true)
    expect(server.sockets).toEqual([{ path }])
  },
)

proves("REM-11", "certificates and keys travel as text, or as files of the client's own", async () => {
  const { client } = await startLibrary()
  const files = { certFile: certificateFile("server.pem"), keyFile: certificateFile("server.key") }
  for (const tls of [
    { cert: pem("server.pem"), key: pem("server.key") },
    { certFile: relative(process.cwd(), files.certFile), keyFile: relative(process.cwd(), files.keyFile) },
  ]) {
    const accepted = new Recorder()
    const protocols = [accepted, {}]
    const server = await client.loop.createServer(() => protocols.shift() ?? {}, { host: "127.0.0.1", port: 0, tls })
    const { port } = server.sockets[0] as { port: number }
    const session = await visitTls(harness, { host: "127.0.0.1", port })
    session.write("under TLS")
    await accepted.received(9)
    const [transport] = await client.loop.createConnection(() => ({}), {
      host: "127.0.0.1",
      port,
      serverHostname: "localhost",
      tls: { ca: pem("ca.pem"), cert: pem("client.pem"), key: pem("client.key") },
    })
    expect(transport.getExtraInfo("peercert")).toMatchObject({ subject: expect.any(Array) })
    transport.abort()
  }
})
