/**
 * One client on standard input and output; the daemon ends with it.
 * stdout is the wire: whatever else would print there is sent to stderr.
 */
import type { Readable, Writable } from "node:stream"
import type { Framing } from "../../protocol/peer.ts"
import { DirectWriter } from "../../sockets/direct.ts"
import type { Client } from "../client.ts"
import type { Clock } from "../clock.ts"
import { isAlive } from "../processes.ts"
import { receiveDescriptors, type ParentChannel } from "./channel.ts"

/** How often a client that told its process id is looked for. */
const WATCH_MS = 1_000

/** What this needs of the daemon. */
interface Server {
  readonly clock: Clock
  readonly ended: Promise<void>
  shutdown(): void
  serve(
    input: Readable,
    output: Writable,
    options: {
      framing: Framing
      hasChannel: boolean
      direct: DirectWriter
      initialized(params: { processId?: number | null | undefined }): void
    },
  ): Client
}

export interface StdioOptions {
  readonly input: Readable
  readonly output: Writable
  readonly framing: Framing
  /** Over which the client hands descriptors over: `process`, if it was started with one. */
  readonly channel?: ParentChannel
}

/**
 * Serves the client and resolves when it is gone and nothing is left of what it owned.
 * The result is the exit status: 1 when it said `exit` without `shutdown`, else 0.
 */
export async function serveStdio(daemon: Server, { input, output, framing, channel }: StdioOptions): Promise<0 | 1> {
  console.log = console.info = console.debug = console.error
  let stopWatching = (): void => {}
  const client = daemon.serve(input, output, {
    framing,
    hasChannel: channel !== undefined,
    direct: new DirectWriter(output),
    initialized: ({ processId }) => {
      if (typeof processId === "number") stopWatching = watch(daemon.clock, processId, () => client.destroy())
    },
  })
  const stopReceiving = channel === undefined ? () => {} : receiveDescriptors(channel, client.descriptors)
  await client.ended
  stopReceiving()
  // What would outlive a client has nobody left to come for it.
  daemon.shutdown()
  await daemon.ended
  stopWatching()
  return client.saidExit && !client.saidShutdown ? 1 : 0
}

/** Calls `gone` when process `pid` has ended. */
function watch(clock: Clock, pid: number, gone: () => void): () => void {
  let stop = (): void => {}
  const look = (): void => {
    if (isAlive(pid)) stop = clock.after(WATCH_MS, look)
    else gone()
  }
  stop = clock.after(WATCH_MS, look)
  return () => stop()
}
