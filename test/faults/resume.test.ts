/**
 * A client whose connection to the daemon is cut at any byte comes back by itself, and its protocols see no gap and no
 * repeat. `RESUME_RUNS` sets how many seeded runs there are; 500 in the long form.
 */
import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { connect, type Protocol, type Transport } from "transportd/client"
import { cutter } from "../support/cutter.ts"
import { echo, listenPeer } from "../support/peers.ts"
import { cat, shell } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const harness = setup()
const runs = Number(process.env.RESUME_RUNS ?? 25)
const BYTES = 2_000_000

/** Bytes that tell their place: no piece can be lost, doubled or moved without another hash. */
function pattern(bytes: number, salt: number): Buffer {
  const data = Buffer.alloc(bytes)
  for (let at = 0; at + 4 <= bytes; at += 4) data.writeUInt32LE((at * 2_654_435_761 + salt) >>> 0, at)
  return data
}

function hash(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex")
}

/** A daemon on a socket, and a way to it that is cut `cuts` times. */
async function breakable(cuts: number): Promise<{ socket: string; connections(): number }> {
  const { daemon } = await harness.startDaemon({ socket: true })
  const target = daemon.socketPath as string
  let left = cuts
  const relay = await cutter(harness, {
    path: `${target}.x`,
    target,
    nextCut: () => (left-- > 0 ? 20_000 + Math.floor(harness.random() * BYTES) : null),
  })
  return { socket: relay.path, connections: () => relay.connections }
}

class Echoed implements Protocol {
  readonly chunks: Buffer[] = []
  bytes = 0
  readonly lost: Promise<Error | null>
  readonly #wanted: number
  #transport: Transport | undefined
  #resolve: (error: Error | null) => void = () => {}

  constructor(wanted: number) {
    this.#wanted = wanted
    this.lost = new Promise((resolve) => (this.#resolve = resolve))
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    this.chunks.push(Buffer.from(data))
    this.bytes += data.length
    if (this.bytes >= this.#wanted) this.#transport?.close()
  }

  bytesLost(from: number, to: number): void {
    throw new Error(`lost ${from} to ${to}`)
  }

  connectionLost(error: Error | null): void {
    this.#resolve(error)
  }
}

describe.each(Array.from({ length: runs }, (_, run) => run))("run %i", (run) => {
  test("a stream goes on both ways over cuts at random bytes", async () => {
    const { socket, connections } = await breakable(3)
    const peer = await listenPeer(harness, echo)
    const client = await connect({ socket, reconnect: true, exceptionHandler: (error) => expect.fail(String(error)) })
    const data = pattern(BYTES, run)
    const options = { lifetime: "daemon", whenFull: "block" } as const
    const params = { host: "127.0.0.1", port: peer.port, options }
    const [transport, protocol] = await client.loop.createConnection(() => new Echoed(BYTES), params)
    for (let at = 0; at < BYTES;) {
      const bytes = 1 + Math.floor(harness.random() * 100_000)
      transport.write(data.subarray(at, at + bytes))
      at += bytes
      await new Promise(setImmediate)
    }
    expect(await protocol.lost).toBeNull()
    expect(hash(Buffer.concat(protocol.chunks))).toBe(hash(data))
    expect(connections()).toBeGreaterThan(1)
    await client.close()
  })
})

test("a process goes on over cuts, and its exit is heard once", async () => {
  const { socket } = await breakable(2)
  const client = await connect({ socket, reconnect: true })
  const out: Buffer[] = []
  const heard: string[] = []
  const data = pattern(BYTES, 7)
  await new Promise<void>((resolve, reject) => {
    const protocol = {
      pipeDataReceived: (_fd: number, chunk: Buffer) => void out.push(Buffer.from(chunk)),
      pipeConnectionLost: (fd: number) => void heard.push(`pipe ${fd}`),
      processExited: () => void heard.push("exited"),
      connectionLost: () => {
        heard.push("lost")
        resolve()
      },
    }
    const options = { lifetime: "daemon", whenFull: "block" } as const
    client.loop
      .subprocessExec(() => protocol, [cat.program], { options, stderr: "null" })
      .then(([transport]) => {
        const stdin = transport.getPipeTransport(0)
        stdin?.write(data)
        stdin?.writeEof()
      }, reject)
  })
  expect(hash(Buffer.concat(out))).toBe(hash(data))
  expect(heard.toSorted()).toEqual(["exited", "lost", "pipe 0", "pipe 1"])
  expect(heard.at(-1)).toBe("lost")
  await client.close()
})

test("what lives with its client is lost with the connection, once, and new things work after it", async () => {
  const { socket } = await breakable(1)
  const peer = await listenPeer(harness, echo)
  const client = await connect({ socket, reconnect: true })
  const protocol = new Echoed(Number.POSITIVE_INFINITY)
  const params = { host: "127.0.0.1", port: peer.port }
  const [transport] = await client.loop.createConnection(() => protocol, params)
  transport.write(pattern(2 * BYTES, 1))
  expect((await protocol.lost)?.name).toBe("ConnectionEnded")
  const again = new Echoed(5)
  const [second] = await client.loop.createConnection(() => again, params)
  second.write(Buffer.from("hello"))
  expect(await again.lost).toBeNull()
  await client.close()
})

test("a daemon that was restarted is a definite end: protocols hear why", async () => {
  const { daemon } = await harness.startDaemon({ socket: true })
  const path = daemon.socketPath as string
  const client = await connect({ socket: path, reconnect: { minDelayMs: 1, maxDelayMs: 5 } })
  const protocol = {
    lost: undefined as Error | null | undefined,
    connectionLost(error: Error | null) {
      this.lost = error
    },
  }
  const [program, ...args] = [shell("sleep 1000").program, ...shell("sleep 1000").args] as [string, ...string[]]
  await client.loop.subprocessExec(() => protocol, [program, ...args], { options: { lifetime: "daemon" } })
  daemon.shutdown(0)
  await daemon.ended
  const { daemon: next } = await harness.startDaemon()
  await next.listen(path)
  await client.closed
  expect(protocol.lost).toMatchObject({ name: "ShuttingDown" })
})
