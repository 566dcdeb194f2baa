/** One-way streams: named pipes, terminals, descriptors that exist already. */
import type { TransportOptions } from "../../hold/keeping.ts"
import { StreamHolding } from "../../hold/streamHolding.ts"
import type { Opened } from "../../hold/holding.ts"
import { openReadPipe, openWritePipe, type PipeParams } from "../../open/pipe.ts"
import { readPipe, writePipe } from "../../transports/pipe.ts"
import type { StreamEvents, StreamTransport } from "../../transports/transport.ts"
import type { Context, Handlers } from "../context.ts"
import { answerOpened, enter, named, placing } from "../opening.ts"

export const pipeHandlers: Pick<Handlers, "loop/connectReadPipe" | "loop/connectWritePipe"> = {
  "loop/connectReadPipe": ({ options, ...params }, context) =>
    named(options, context, async (id) => {
      const pipe = await openReadPipe(params, context.session.descriptors, context.signal)
      return hold(id, { params, options, makeStream: (events) => readPipe(pipe, events) }, context)
    }),

  "loop/connectWritePipe": ({ options, timeoutMs, ...params }, context) =>
    named(options, context, async (id) => {
      const { clock } = context.daemon
      const pipe = await openWritePipe(params, context.session.descriptors, {
        clock,
        timeoutMs,
        signal: context.signal,
      })
      const after = (delayMs: number, action: () => void): (() => void) => clock.after(delayMs, action)
      return hold(id, { params, options, makeStream: (events) => writePipe(pipe, after, events) }, context)
    }),
}

interface PipeToHold {
  readonly params: PipeParams
  readonly options: TransportOptions
  makeStream(events: StreamEvents): StreamTransport
}

function hold(id: number, { params: { path, fd }, options, makeStream }: PipeToHold, context: Context): Opened {
  const holding = new StreamHolding({
    ...placing(context, { id, options }),
    kind: "pipe",
    extra: { pipe: path === undefined ? { fd } : { path } },
    makeStream,
  })
  return answerOpened(enter(holding, context), context)
}
