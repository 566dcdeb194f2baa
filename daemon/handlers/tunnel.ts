/** A connection that becomes the bytes of a transport. */
import { READ_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { Channel } from "../hold/channel.ts"
import { Tunnel } from "../hold/tunnel.ts"
import { startOf } from "./attach.ts"
import type { Handlers } from "./context.ts"
import { busy, notSupported, sinkOf } from "./targets.ts"

export const tunnelHandlers: Pick<Handlers, "transport/tunnel"> = {
  "transport/tunnel": ({ transport, since, steal }, { daemon: { table, clock }, session, afterReply }) => {
    session.checkTunnel()
    const target = table.find(transport)
    const { holding } = target
    const channel = sinkOf(target, "tunnel")
    if (!channel.readable) throw notSupported(holding, "tunnel", "it has one direction")
    // Another tunnel gives way; what else writes or reads in the owner's place does not.
    if (channel.isLent && holding.owner?.isTunnel !== true) {
      throw busy(channel, channel.inlet.feeder?.operation ?? "splice")
    }
    const start = (each: Channel): number => startOf(each, since)
    const offset = Math.max(start(channel), channel.retained.from)
    const reading = { encoding: "base64", readWindowBytes: READ_WINDOW_BYTES, paused: false } as const
    holding.attach(session, { role: "owner", steal, start, fromNow: since === "now", reading })
    afterReply(() => {
      // Taken over before it had begun.
      if (holding.owner !== session) return session.exit()
      const left = (): void => holding.detach(session)
      session.tunnel((socket, over) => new Tunnel(socket, channel, clock, { left, over }))
    })
    const { written, broughtBytes: brought } = channel.inlet
    return { transport: holding.id, kind: holding.kind, offset, written, brought }
  },
}
