/** What all requests that make something share: an id, a name, room; and a stream that a client holds from then on. */
import type { TransportOptions } from "../hold/keeping.ts"
import type { Holding, HoldingOptions, Opened, Surroundings } from "../hold/holding.ts"
import { StreamHolding } from "../hold/streamHolding.ts"
import type { Line } from "../open/line.ts"
import type { News } from "../watchers.ts"
import type { Context, DaemonFace } from "./context.ts"

/** Opens something under a new id and, if one is given, a name that is given back when it does not come about. */
export async function named<Result>(
  { name, lifetime }: Pick<TransportOptions, "name" | "lifetime">,
  { daemon: { table, estate }, session }: Context,
  open: (id: number) => Promise<Result>,
): Promise<Result> {
  const books = lifetime === "daemon" ? [session.possessions, estate] : [session.possessions]
  const reservations = books.map((book) => book.reserve())
  const id = table.nextId()
  try {
    table.takeName(name, id)
    return await open(id)
  } catch (error) {
    table.freeName(name, id)
    throw error
  } finally {
    for (const release of reservations) release()
  }
}

/** What every holding is told of its surroundings, and what they do when it ends. One for all holdings of a daemon. */
export function surroundingsOf({
  table,
  estate,
  watchers,
  clock,
  settings: { retainClosedMs },
}: Pick<DaemonFace, "table" | "estate" | "watchers" | "clock" | "settings">): Surroundings {
  return {
    clock,
    retainClosedMs,
    changed: (event, recipient, holding) => watchers.announce({ event, ...newsOf(holding), clientId: recipient.id }),
    over: (holding) => {
      watchers.announce({ event: "ended", ...newsOf(holding) })
      holding.server?.disconnected()
      estate.remove(holding)
      if (holding.lifetime === "daemon") table.keepEnded(holding)
    },
    forgotten: (ending, holding) => {
      watchers.announce({ event: "forgotten", ...newsOf(holding) })
      table.remove(holding, ending)
    },
  }
}

type Wishes = Pick<HoldingOptions, "id" | "options" | "server">

/** Whose it is, and what surrounds it: what a holding is told, beside what it is. */
export function placing(
  { daemon: { surroundings }, session }: Context,
  { id, options, server }: Wishes,
): Wishes & Pick<HoldingOptions, "owner" | "surroundings"> {
  return { id, options, server, surroundings, owner: server === undefined ? session : server.owner }
}

/** What the news says of a transport. */
function newsOf({ id: transport, kind, name }: Holding): Pick<News, "transport" | "kind" | "name"> {
  return { transport, kind, ...(name !== undefined && { name }) }
}

/** Enters a holding in the books: from now on its id and its name mean something. */
export function enter<Held extends Holding>(holding: Held, { daemon }: Context): Held {
  daemon.table.add(holding)
  daemon.watchers.announce({ event: "opened", ...newsOf(holding), clientId: holding.owner?.id ?? null })
  if (holding.lifetime === "daemon") daemon.estate.add(holding)
  return holding
}

/** Holds an open line for the client that asked for it. Its callbacks begin with `start()`. */
export function holdLine(context: Context, { kind, extra, makeStream }: Line, wishes: Wishes): StreamHolding {
  wishes.server?.connected()
  // Platform: what Node 20 makes of a spread with more behind it has a hidden class of its own, 300 bytes for each.
  return enter(new StreamHolding({ kind, extra, makeStream, ...placing(context, wishes) }), context)
}

/** The answer that names `holding`; its callbacks begin right behind it. */
export function answerOpened<Answer extends Opened>(
  holding: Holding & { readonly opened: Answer },
  { afterReply }: Context,
): Answer {
  afterReply(() => holding.start())
  return holding.opened
}
