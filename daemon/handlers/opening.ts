/** What all requests that make something share: an id, a name, room; and a stream that a client holds from then on. */
import type { RequestResult } from "../../protocol/registry.ts"
import { StreamHolding, type StreamHoldingOptions } from "../hold/streamHolding.ts"
import type { ServerHolding } from "../hold/serverHolding.ts"
import type { Context } from "./context.ts"

export type Opened = RequestResult<"loop/createConnection">

/** Opens something under a new id and, if one is given, a name that is given back when it does not come about. */
export async function named<Result>(
  name: string | undefined,
  { daemon: { table }, session }: Context,
  open: (id: number) => Promise<Result>,
): Promise<Result> {
  session.possessions.checkRoom()
  const id = table.nextId()
  table.takeName(name, id)
  try {
    return await open(id)
  } catch (error) {
    table.freeName(name)
    throw error
  }
}

/** Holds a stream for the client that asked for it. Its callbacks begin with `start()`. */
export function holdStream(
  { daemon, session }: Context,
  stream: Omit<StreamHoldingOptions, "owner" | "ended" | "server"> & { readonly server?: ServerHolding | undefined },
): StreamHolding {
  const { server, ...options } = stream
  const disconnected = server?.connected()
  const holding = new StreamHolding({
    ...options,
    owner: session,
    ...(server !== undefined && { server: server.id }),
    ended: (ending) => {
      daemon.table.remove(holding, ending)
      session.possessions.remove(holding)
      disconnected?.()
    },
  })
  daemon.table.add(holding)
  session.possessions.add(holding)
  return holding
}

/** The answer that names `holding`; its callbacks begin right behind it. */
export function answerOpened(holding: StreamHolding, { afterReply }: Context): Opened {
  afterReply(() => holding.start())
  return holding.opened
}
