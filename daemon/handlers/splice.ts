/** Joining transports inside the daemon. */
import type { Channel } from "../hold/channel.ts"
import { Splice, type Sink } from "../hold/splice.ts"
import type { Ref } from "../hold/table.ts"
import { closedTransport } from "../failures.ts"
import type { Context, Handlers } from "./context.ts"
import { busy, notSupported, owned, sinkOf, stream } from "./targets.ts"

export const spliceHandlers: Pick<Handlers, "transport/splice"> = {
  "transport/splice": ({ from, to, both }, context) => {
    const ways = both ? [way(from, to, context), way(to, from, context)] : [way(from, to, context)]
    if (both && ways[0]?.from === ways[0]?.to) throw busy(ways[0]?.from as Channel, "splice")
    const splices = ways.map((each) => new Splice(each.from, each.to, each))
    const start = (): void => {
      for (const splice of splices) splice.start()
    }
    // Behind the answer: an end that has come already would else be told before it. Or when there is nobody to answer.
    context.afterReply(start)
    context.signal.addEventListener("abort", start)
    return null
  },
}

interface Way {
  readonly from: Channel
  readonly to: Sink
  ended(splice: Splice): void
}

/** One direction. Throws what is in the way of it, before anything has changed. */
function way(fromRef: Ref, toRef: Ref, context: Context): Way {
  const source = owned(fromRef, context)
  const target = owned(toRef, context)
  const from = stream(source, "splice")
  const to = sinkOf(target, "splice")
  if (!from.readable) throw notSupported(source.holding, "splice", "this pipe is written to")
  if (from.isDiverted) throw busy(from, "splice")
  if (to.inlet.feeder !== null) throw busy(to, to.inlet.feeder.operation)
  if (to.stream.isClosing || to.stream.wroteEof) throw closedTransport(to.id)
  const ended = ({ bytes, error }: Splice): void => {
    const owners = new Set([source.holding.owner, target.holding.owner])
    for (const owner of owners) owner?.notify("transport/spliced", { from: from.id, to: to.id, bytes, error })
  }
  return { from, to, ended }
}
