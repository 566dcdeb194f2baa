/** Datagram endpoints, and what only they can do. */
import { DatagramHolding } from "../../hold/datagramHolding.ts"
import { adoptDatagram } from "../../open/adoptDatagram.ts"
import { bind, resolveOne } from "../../open/bind.ts"
import { datagramExtra, DatagramTransport } from "../../transports/datagram.ts"
import type { Handlers } from "../context.ts"
import { answerOpened, enter, named, placing } from "../opening.ts"

export const datagramHandlers: Pick<Handlers, "loop/createDatagramEndpoint"> = {
  "loop/createDatagramEndpoint": ({ options, ...params }, context) =>
    named(options, context, async (id) => {
      const { signal, session } = context
      const { socket, family, remote, connected } =
        params.fd === undefined
          ? await bind(params, signal)
          : await adoptDatagram(params.fd, session.descriptors, signal)
      const transportOptions = { family, connected, resolve: (host: string) => resolveOne(host, family) }
      const holding = new DatagramHolding({
        ...placing(context, { id, options }),
        kind: "udp",
        extra: datagramExtra(socket, transportOptions),
        remote,
        makeTransport: (events) => new DatagramTransport(socket, transportOptions, events),
      })
      return answerOpened(enter(holding, context), context)
    }),
}
