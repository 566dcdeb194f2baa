/** `transportd attach`: a transport that outlived its client comes to this terminal; Ctrl-C leaves it running. */
import type { Client } from "transportd/client"
import { exitCode, exitCodeOf } from "../exitCodes.ts"
import { Failure, isRpcError } from "../failure.ts"
import { COME_BACK, joinRunning, type JoinOptions } from "../join.ts"
import { askedToLeave, leave, type Leavable } from "../leaving.ts"
import { redraw } from "../localTerminal.ts"
import { Onlooker } from "../onlooker.ts"
import { tell } from "../print.ts"
import { ProgramRelay } from "../programRelay.ts"
import {
  describe,
  isProcess,
  parseRef,
  refOperand,
  sinceOf,
  sinceOption,
  type Description,
  type Since,
} from "../ref.ts"
import { Relay } from "../relay.ts"
import { socketPath } from "../socketPath.ts"
import { standardStreams } from "../standardStreams.ts"
import { TunnelRelay } from "../tunnelRelay.ts"
import { option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly since?: Since
  readonly observe?: boolean
  readonly steal?: boolean
}

interface Wishes {
  readonly since?: Since
  readonly role?: "observer"
  readonly steal?: boolean
}

/** What was brought here, and how it ends. */
interface Brought {
  readonly transport: Leavable
  /** Resolves to the exit status. */
  readonly ended: Promise<number>
  /** Resolves to the exit status when it is left by a key. */
  readonly left: Promise<number>
}

const never = new Promise<never>(() => {})

export const attach: Verb<Options> = {
  operands: [refOperand],
  options: [
    socketOption,
    sinceOption,
    option("--observe", "only watch: nothing is sent, and who owns it keeps it"),
    option("--steal", "take it from the client that owns it", { conflicts: "observe" }),
    verboseOption,
  ],
  example: "transportd attach web --since start",
  ownSignals: true,
  async run([operand = ""], { since, observe = false, steal = false, ...where }) {
    const asked = askedToLeave()
    const client = await joinRunning(where, COME_BACK)
    const described = await describe(client, parseRef(operand))
    const wishes: Wishes = { ...(since !== undefined && { since }), ...(observe ? { role: "observer" } : { steal }) }
    const { transport, ended, left: leftByKey } = await bring(client, described, wishes, where)
    if (where.verbose === true) tell(`attached to transport ${transport.id}, ${described.kind}, as ${role(observe)}`)
    const left = Promise.race([asked, leftByKey]).then(async (status) => {
      if (!observe && described.lifetime === "daemon") return leave(transport, status, described.name)
      await transport.detach()
      return status
    })
    const status = await Promise.race([ended, left]).catch((error: Error) => {
      throw lossOf(error)
    })
    await client.close()
    return status
  },
}

function role(observe: boolean): string {
  return observe ? "observer" : "owner"
}

async function bring(
  client: Client,
  described: Description,
  wishes: Wishes,
  { socket }: JoinOptions,
): Promise<Brought> {
  const { transport: id } = described
  const observes = wishes.role === "observer"
  if (isProcess(described)) {
    const canLeave = described.lifetime === "daemon"
    const make = (): Onlooker | ProgramRelay => (observes ? new Onlooker() : new ProgramRelay({ canLeave }))
    const { since, ...others } = wishes
    const positions = since === undefined ? others : { ...others, since: sinceOf(since, described) }
    const [transport, protocol] = await client.loop.attachSubprocess(make, id, positions)
    if (protocol instanceof Onlooker) return { transport, ended: protocol.ended, left: never }
    if (described.kind === "pty") redraw(transport)
    return { transport, ended: protocol.ended.then(exitCodeOf), left: protocol.left }
  }
  if (observes) {
    const [transport, onlooker] = await client.loop.attach(() => new Onlooker(), id, wishes)
    return { transport, ended: onlooker.ended, left: never }
  }
  const relay = new Relay(standardStreams())
  const transport =
    (await byTunnel(client, socketPath(socket), described, relay, wishes)) ??
    (await client.loop.attach(() => relay, id, wishes))[0]
  return { transport, ended: endOf(relay), left: never }
}

/** Null for what can have no tunnel: it has one direction, is joined to something else, or has ended. */
async function byTunnel(
  client: Client,
  path: string,
  described: Description,
  relay: Relay,
  { since, steal = false }: Wishes,
): Promise<TunnelRelay | null> {
  if (described.state !== "open") return null
  try {
    return await TunnelRelay.begin(client, path, described, relay, { steal, ...(since !== undefined && { since }) })
  } catch (error) {
    if (["NotSupported", "TransportBusy"].includes((error as Error).name)) return null
    throw error
  }
}

/** The end of a stream is no failure, its loss is. */
async function endOf({ lost }: Relay): Promise<number> {
  const error = await lost
  if (error !== null) throw error
  return exitCode("ok")
}

/** Why it is not here any more, in a sentence. */
export function lossOf(error: Error): Error {
  if (error instanceof Failure || error.name === "NotOwner") return error
  // What the client says when it could not come back.
  if (!isRpcError(error) || ["OsFailure", "ShuttingDown", "UnknownTransport"].includes(error.name)) {
    return new Failure("unreachable", `the daemon was lost, and what it held: ${error.message}`)
  }
  return new Failure("failure", `the connection broke: ${error.message}`)
}
