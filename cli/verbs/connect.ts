/** `transportd connect`: stdin to a TCP server, what comes from there to stdout; ends when the server does. */
import type { Client, Protocol } from "transportd/client"
import { formatAddress, parseAddress } from "../address.ts"
import { exitCode } from "../exitCodes.ts"
import { Failure } from "../failure.ts"
import { COME_BACK, join, joinRunning, type Joined, type JoinOptions } from "../join.ts"
import { askedToLeave, leave } from "../leaving.ts"
import { tell } from "../print.ts"
import { describe } from "../ref.ts"
import { Relay } from "../relay.ts"
import { socketPath } from "../socketPath.ts"
import { standardStreams } from "../standardStreams.ts"
import { TunnelRelay } from "../tunnelRelay.ts"
import { nameOption, numberOption, option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly timeout?: number
  readonly name?: string
  readonly keep?: boolean
}

export const connect: Verb<Options> = {
  operands: [["<address...>", "HOST:PORT, [::1]:PORT or HOST PORT"]],
  options: [
    socketOption,
    numberOption("--timeout <seconds>", "how long the connection may take to come about"),
    nameOption,
    option("--keep", "Ctrl-C leaves the connection with the running daemon, for `transportd attach`"),
    verboseOption,
  ],
  example: "printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | transportd connect example.com:80",
  ownSignals: true,
  async run(operands, { timeout, name, keep = false, ...where }) {
    const address = parseAddress(operands)
    const asked = keep ? askedToLeave() : endOnInterrupt()
    const { client, path } = keep ? await joinToStay(where) : await join(where)
    const relay = new Relay(standardStreams())
    const [transport] = await client.loop.createConnection((): Protocol => (path === null ? relay : {}), {
      ...address,
      ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
      options: {
        ...(name !== undefined && { name }),
        ...(keep && { lifetime: "daemon" as const }),
        paused: path !== null,
      },
    })
    if (where.verbose === true) tell(`connected to ${formatAddress(address)}, transport ${transport.id}`)
    const line = path === null ? transport : await tunnel(client, path, transport.id, relay)
    const left = asked.then((status) => leave(line, status, name))
    const ended = await Promise.race([relay.lost, left])
    if (ended instanceof Error) throw lossOf(ended, formatAddress(address))
    await client.close()
    return ended ?? exitCode("ok")
  },
}

/** For what outlives this command. */
async function joinToStay(where: JoinOptions): Promise<Joined> {
  return { client: await joinRunning(where, COME_BACK), path: socketPath(where.socket) }
}

async function tunnel(client: Client, path: string, id: number, relay: Relay): Promise<TunnelRelay> {
  return await TunnelRelay.begin(client, path, await describe(client, id), relay, { steal: true })
}

/** Ctrl-C ends what is not to be kept. */
function endOnInterrupt(): Promise<never> {
  process.once("SIGINT", () => process.exit(exitCode("interrupted")))
  return new Promise(() => {})
}

/** Why a connection broke, in a sentence. */
export function lossOf(error: Error, remote: string): Error {
  if (error instanceof Failure || error.name === "ConnectionEnded" || error.name === "NotOwner") return error
  return new Failure("failure", `the connection with ${remote} broke: ${error.message}`)
}
