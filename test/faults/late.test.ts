/**
 * What ended while nobody was there, through the whole command: a client that comes later gets all of it, and one that
 * comes too late an answer that says so. `test/daemon/attach.test.ts` lets the four minutes pass.
 */
import { join } from "node:path"
import { expect, test } from "vitest"
import { connect, type Client } from "transportd/client"
import { until } from "./support/look.ts"
import { faults } from "./support/world.ts"

const world = faults()
const OUT = 300_000
const KEPT = 100_000

/** Starts a process that says more than is kept, and leaves before it has read any of it. */
async function startAndLeave(socket: string): Promise<number> {
  const client = await connect({ socket })
  const command = `head -c ${OUT} /dev/zero | tr '\\0' o; echo err >&2; exit 7`
  const options = { lifetime: "daemon", name: "job", retainBytes: KEPT, whenFull: "dropOldest", paused: true } as const
  const [transport] = await client.loop.subprocessShell(() => ({}), command, { options, stdin: "null" })
  client.destroy()
  return transport.id
}

async function stateOf(client: Client, transport: number): Promise<string> {
  return (await client.request("transport/describe", { transport })).state
}

class Late {
  readonly out: Buffer[] = []
  readonly err: Buffer[] = []
  readonly heard: string[] = []
  readonly ended: Promise<Error | null>
  #end = (_error: Error | null): void => {}

  constructor() {
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  bytesLost(from: number, to: number, fd?: number): void {
    this.heard.push(`lost ${from} to ${to} of ${fd}`)
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    ;(fd === 1 ? this.out : this.err).push(data)
  }

  pipeConnectionLost(fd: number): void {
    this.heard.push(`end of ${fd}`)
  }

  processExited(): void {
    this.heard.push("exited")
  }

  connectionLost(error: Error | null): void {
    this.heard.push("lost")
    this.#end(error)
  }
}

test("a client that comes late gets what is kept, the range of what is not, the exit status and the loss", async () => {
  const socket = join(world.folder, "daemon.sock")
  await world.daemon(socket)
  const transport = await startAndLeave(socket)
  const watcher = await connect({ socket })
  await until(async () => (await stateOf(watcher, transport)) === "ended")
  await watcher.close()
  for (const role of ["owner", "observer", "owner"] as const) {
    const client = await connect({ socket })
    const [job, late] = await client.loop.attachSubprocess(() => new Late(), transport, { since: { 1: 0, 2: 0 }, role })
    expect(await late.ended).toBeNull()
    expect(Buffer.concat(late.out).toString()).toBe("o".repeat(KEPT))
    expect(Buffer.concat(late.err).toString()).toBe("err\n")
    expect(late.heard.toSorted()).toEqual(["end of 1", "end of 2", "exited", "lost", `lost 0 to ${OUT - KEPT} of 1`])
    expect(late.heard.at(-1)).toBe("lost")
    expect(job.getReturncode()).toBe(7)
    await client.close()
  }
})

test("a client that comes too late hears that the transport is closed", async () => {
  const socket = join(world.folder, "daemon.sock")
  await world.daemon(socket, { TRANSPORTD_RETAIN_CLOSED_MS: "0" })
  const transport = await startAndLeave(socket)
  const client = await connect({ socket })
  await until(() =>
    stateOf(client, transport).then(
      () => false,
      () => true,
    ),
  )
  const attached = client.loop.attachSubprocess(() => new Late(), transport)
  await expect(attached).rejects.toMatchObject({ name: "TransportClosed" })
  await client.close()
})
