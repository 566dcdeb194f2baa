/**
 * A client process that is killed at any byte while it streams both ways: the next one goes on, and neither the remote
 * nor the clients together see a gap or a repeat. `KILL_RUNS` sets how many seeded runs there are; 500 in the long form.
 */
import { createHash, type Hash } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { expect, test } from "vitest"
import { pattern } from "../support/random.ts"
import type { StreamerParams } from "./programs/streamer.ts"
import { faults } from "./support/world.ts"

const world = faults()
const runs = Number(process.env.KILL_RUNS ?? 5)
const BYTES = 1_500_000

/** The far end: takes a stream and gives another, and counts what it got. */
class Remote {
  port = 0
  bytes = 0
  readonly hash: Hash = createHash("sha256")
  /** Called at each arrival. */
  heard = (): void => {}

  async listen(data: Buffer): Promise<void> {
    const sockets = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("data", (chunk: Buffer) => {
        this.bytes += chunk.length
        this.hash.update(chunk)
        this.heard()
      })
      socket.end(data)
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    this.port = (server.address() as AddressInfo).port
    world.cleanup(async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    })
  }
}

/** Between a client and the daemon: lets `bytes` pass, both ways together, then does `then` and cuts. */
async function relay(path: string, target: string, bytes: number, then: () => void): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: target, allowHalfOpen: true })
    let left = bytes
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from.on("error", () => {}))
      from.on("end", () => to.end())
      from.on("data", (chunk: Buffer) => {
        to.write(chunk.subarray(0, left))
        left -= Math.min(left, chunk.length)
        if (left > 0) return
        then()
        near.destroy()
        // What has passed arrives, up to the last byte, and then nothing.
        far.end(() => far.destroy())
      })
    }
  })
  server.listen(path)
  await once(server, "listening")
  world.cleanup(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, "close")
  })
}

test.each(Array.from({ length: runs }, (_, run) => run))(
  "run %i: killed at random bytes, a client is followed by others and nothing is lost or doubled",
  // Up to five processes start one after the other: a second on an idle machine.
  { timeout: 60_000 },
  async (run) => {
    const { folder, between } = world
    const socket = join(folder, "daemon.sock")
    await world.daemon(socket)
    const [seed, remoteSeed] = [between(1, 2 ** 31), between(1, 2 ** 31)]
    const remote = new Remote()
    await remote.listen(pattern(BYTES, remoteSeed))
    const base = { name: `stream ${run}`, port: remote.port, bytes: BYTES, seed }
    const files = { got: join(folder, "got"), sent: join(folder, "sent") }
    const kills = between(1, 4)
    let killed = 0
    for (let turn = 0; ; turn++) {
      const params: StreamerParams = { socket, ...base, ...files, resumes: turn > 0 }
      // By what the remote has, not the first: all may be in the system's hands before the remote has read that much.
      const kind = turn < kills ? between(0, turn === 0 ? 2 : 3) : null
      remote.heard = () => {}
      const size = turn === 0 ? 0 : readFileSync(files.got).length
      const path = join(folder, `${turn}.sock`)
      const kill = (): void => void program.child.kill("SIGKILL")
      // On the wire in the middle of a message; by itself before it says what it consumed; once the remote has so much.
      if (kind === 0) await relay(path, socket, between(20_000, BYTES), kill)
      if (kind === 2) {
        const bytes = between(Math.min(remote.bytes + 1, BYTES - 1), BYTES)
        remote.heard = () => void (remote.bytes >= bytes && kill())
      }
      const program = world.program("streamer", {
        ...params,
        ...(kind === 0 && { socket: path }),
        ...(kind === 1 && { diesAt: between(Math.min(size + 1, BYTES - 1), BYTES) }),
      })
      const ended = await program.ended
      if (ended === 0) break
      expect(ended, program.said).toBe("SIGKILL")
      expect(kind, "killed by nobody").not.toBeNull()
      killed++
    }
    const clients = createHash("sha256").update(readFileSync(files.got)).digest("hex")
    expect(clients).toBe(createHash("sha256").update(pattern(BYTES, remoteSeed)).digest("hex"))
    expect(remote.hash.digest("hex")).toBe(createHash("sha256").update(pattern(BYTES, seed)).digest("hex"))
    expect(killed).toBeGreaterThan(0)
  },
)
