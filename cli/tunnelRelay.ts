/**
 * Runs a relay over a tunnel: the bytes go over a connection to the daemon that carries nothing else, and why it ended
 * is asked on the one that can speak. Knows neither verbs nor where the relay leads.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Client, Protocol } from "transportd/client"
import { Failure } from "./failure.ts"
import type { Description } from "./ref.ts"
import type { Relay } from "./relay.ts"

/** Between two looks at whether the remote has taken what was sent. */
const LOOK_MS = 20

/**
 * Takes `transport`, of which nothing was read or written yet, and gives it to `relay`, which hears what it would from
 * the client library. Resolves when it has begun.
 * @param path the socket of the daemon that `client` is connected to.
 */
export async function relayByTunnel(client: Client, path: string, transport: number, relay: Relay): Promise<void> {
  const { tunnel } = await import("transportd/client")
  const [line, { clientId }] = await tunnel({ socket: path, transport, steal: true })
  const held = { client, transport, clientId }
  let sentBytes = 0
  let ending: Promise<Error | null> | null = null
  const end = (): Promise<Error | null> => {
    ending ??= untilTaken(held, sentBytes).catch(asLoss)
    void ending.then(() => line.end())
    return ending
  }
  const closed = async (): Promise<void> => relay.connectionLost((await end()) ?? (await lossOf(held)))
  line
    .on("data", (chunk: Buffer) => relay.dataReceived(chunk))
    .on("drain", () => relay.resumeWriting())
    .on("end", () => {
      if (!relay.eofReceived()) void end()
    })
    // It says that the connection to the daemon broke, and not why: that is asked below.
    .on("error", () => {})
    .on("close", () => void closed())
  relay.connectionMade({
    write: (chunk) => {
      if (ending !== null) return
      sentBytes += chunk.byteLength
      if (!line.write(chunk)) relay.pauseWriting()
    },
    writeEof: () => void end(),
    close: () => void end(),
    pauseReading: () => void line.pause(),
    resumeReading: () => void line.resume(),
  })
  line.resume()
}

/** A transport whose owner is a tunnel, the client `clientId`, and a client that can ask for it. */
interface Held {
  readonly client: Client
  readonly transport: number
  readonly clientId: number
}

/**
 * Resolves to null when the system has `bytes` that were sent: a tunnel that has ended on both sides is a client that
 * is gone, whose bytes have a deadline, and those of a command that waits for them have none.
 */
async function untilTaken(held: Held, bytes: number): Promise<null> {
  for (;;) {
    const { channels } = await look(held)
    if ((channels[0]?.moved ?? 0) >= bytes) return null
    await sleep(LOOK_MS)
  }
}

/** Why it is lost before this side has ended, when only its owner can have closed it: somebody has taken it over. */
async function asLoss(error: Error): Promise<Error> {
  if (error.name === "TransportClosed") return new Failure("permission", "another client took over the connection")
  return await daemonLost(error)
}

/** What `connectionLost` says of a transport whose tunnel has ended; it may take its time to be over. */
async function lossOf(held: Held): Promise<Error | null> {
  try {
    await look(held)
    const witness = { role: "observer", since: "now" } as const
    const [, { lost }] = await held.client.loop.attach(() => new Witness(), held.transport, witness)
    return await lost
  } catch (error) {
    return (error as Error).name === "TransportClosed" ? null : await daemonLost(error as Error)
  }
}

async function look({ client, transport, clientId }: Held): Promise<Description> {
  const described = await client.request("transport/describe", { transport })
  const owner = described.clientId
  if (owner === null || owner === clientId) return described
  throw new Failure("permission", `client ${owner} took over transport ${transport}`)
}

/** What was asked is no concern of who reads the sentence. */
async function daemonLost(error: Error): Promise<Error> {
  const { ConnectionEnded } = await import("transportd/client")
  return ["ConnectionEnded", "ShuttingDown"].includes(error.name) ? new ConnectionEnded() : error
}

/** Hears the end of a transport, and nothing else of it. */
class Witness implements Protocol {
  readonly lost: Promise<Error | null>
  #resolve = (_error: Error | null): void => {}

  constructor() {
    this.lost = new Promise((resolve) => (this.#resolve = resolve))
  }

  eofReceived(): boolean {
    return true
  }

  connectionLost(error: Error | null): void {
    this.#resolve(error)
  }
}
