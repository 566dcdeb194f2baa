/** Coming back to a transport, watching it, and leaving it. */
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams, RequestResult } from "../../protocol/registry.ts"
import { READ_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { Channel } from "../hold/channel.ts"
import type { Holding } from "../hold/holding.ts"
import type { Handlers } from "./context.ts"

type Since = ParsedParams<"transport/attach">["since"]
type Position = RequestResult<"transport/attach">["channels"][number]

export const attachHandlers: Pick<Handlers, "transport/attach" | "transport/detach"> = {
  "transport/attach": ({ transport, since, role, steal, ...reading }, { daemon: { table }, session, afterReply }) => {
    const { holding } = table.find(transport)
    const start = (channel: Channel): number => startOf(channel, since)
    const positions = holding.channels.map((channel) => position(channel, start(channel)))
    const { begin } = holding.attach(session, {
      role,
      steal,
      start,
      fromNow: since === "now",
      reading: {
        encoding: reading.encoding ?? "base64",
        readWindowBytes: reading.readWindowBytes ?? READ_WINDOW_BYTES,
        paused: reading.paused,
      },
    })
    afterReply(begin)
    return { ...holding.opened, ...main(positions, holding), channels: positions }
  },
  "transport/detach": ({ transport }, { daemon: { table }, session }) => {
    if (table.ending(transport, session) === undefined) table.find(transport).holding.detach(session)
    return null
  },
}

/** Where delivery starts in `channel`. Throws InvalidParams for what has not come yet. */
export function startOf(channel: Channel, since: Since): number {
  const wish = typeof since === "object" ? since[String(channel.fd) as "0"] : since
  const { from, to } = channel.retained
  if (wish === undefined) return channel.consumed
  if (wish === "start") return from
  if (wish === "now") return to
  if (wish <= to) return wish
  throw rpcError("InvalidParams", `since ${wish} lies in the future: ${to} bytes have come so far`)
}

function position(channel: Channel, offset: number): Position {
  const { id, fd, retained, inlet } = channel
  return {
    id,
    ...(fd !== null && { fd }),
    // What is gone is told as lost; delivery starts behind it.
    offset: Math.max(offset, retained.from),
    retained,
    written: inlet?.written ?? 0,
    flushed: inlet?.flushedTo ?? 0,
  }
}

/** The position of a stream; of a process, what its output has come to and its input. */
function main(positions: readonly Position[], holding: Holding): Omit<Position, "id" | "fd"> {
  const at = holding.channels.findIndex(({ readable }) => readable)
  const written = positions.find((_, index) => holding.channels[index]?.inlet !== null)
  const { offset, retained } = positions[at] ?? { offset: 0, retained: { from: 0, to: 0 } }
  return { offset, retained, written: written?.written ?? 0, flushed: written?.flushed ?? 0 }
}
