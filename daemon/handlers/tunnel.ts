/** A connection that becomes the bytes of a transport. */
import { READ_WINDOW_BYTES } from "../../protocol/limits.ts"
import type { Channel } from "../hold/channel.ts"
import { Tunnel } from "../hold/tunnel.ts"
import { startOf } from "./attach.ts"
import type { Handlers } from "./context.ts"
import { busy, notSupported, sinkOf } from "./targets.ts"

export const tunnelHandlers: Pick<Handlers, "transport/tunnel"> = {
  "transport/tunnel": ({ transport, since, steal }, { daemon: { table }, session, afterReply }) => {
    session.checkTunnel()
    const target = table.find(transport)
    const { holding } = target
    const channel = sinkOf(target, "tunnel")
    if (!channel.readable) throw notSupported(holding, "tunnel", "it has one direction")
    const start = (each: Channel): number => startOf(each, since)
    const offset = Math.max(start(channel), channel.retained.from)
    if (channel.isLent) throw busy(channel, channel.inlet.feeder?.operation ?? "splice")
    const reading = { encoding: "base64", readWindowBytes: READ_WINDOW_BYTES, paused: false } as const
    holding.attach(session, { role: "owner", steal, start, fromNow: since === "now", reading })
    afterReply(() =>
      session.tunnel((socket, over) => new Tunnel(socket, channel, { left: () => holding.detach(session), over })),
    )
    return { transport: holding.id, kind: holding.kind, offset, written: channel.inlet.written }
  },
}
