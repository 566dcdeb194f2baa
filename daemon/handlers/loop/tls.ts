/** From plain to TLS on an open transport. */
import type { Socket } from "node:net"
import { rpcError, RpcError } from "../../../protocol/errors.ts"
import type { ParsedParams } from "../../../protocol/registry.ts"
import { handshakeFailure } from "../../failures.ts"
import type { Channel } from "../../hold/channel.ts"
import { StreamHolding } from "../../hold/streamHolding.ts"
import type { Line } from "../../open/line.ts"
import { clientSecurity, serverSecurity } from "../../open/secure.ts"
import { NodeStream } from "../../transports/stream.ts"
import { UpgradingStream } from "../../transports/upgrade.ts"
import type { Context, Handlers } from "../context.ts"
import { secured } from "../security.ts"
import { busy } from "../targets.ts"

type Params = ParsedParams<"loop/startTls">

export const tlsHandlers: Pick<Handlers, "loop/startTls"> = {
  "loop/startTls": async (params, context) => {
    const { holding, channel, plain } = upgradable(params.transport, context)
    // Order: from here on nothing that is written goes out in plain text, whatever becomes of the handshake.
    const { upgrade, unread } = channel.exchange((events) => new UpgradingStream(events))
    try {
      const line = await session(params, await released(plain, unread), holding, upgrade, context)
      holding.become(line.kind, line.extra)
      upgrade.secured(line.makeStream(channel))
      return holding.opened
    } catch (error) {
      upgrade.failed(error as Error)
      throw error
    }
  },
}

/**
 * A request to change to TLS that does not fit: what is written behind it, without awaiting the answer, must not go out
 * in plain text, so the transport is lost for that reason.
 */
export function refuseStartTls(params: unknown, reason: RpcError, context: Context): void {
  const { transport } = (params ?? {}) as { transport?: unknown }
  if (typeof transport !== "number" && typeof transport !== "string") return
  try {
    upgradable(transport, context).channel.abort(reason)
  } catch (error) {
    // It names nothing that could have changed: the answer says what is wrong with it.
    if (!(error instanceof RpcError)) throw error
  }
}

interface Upgradable {
  readonly holding: StreamHolding
  readonly channel: Channel
  readonly plain: NodeStream
}

/** The plain stream that `ref` names. Throws NotSupported for any other, TransportBusy while it is being upgraded. */
function upgradable(ref: Params["transport"], { daemon: { table }, session: client }: Context): Upgradable {
  const { holding } = table.find(ref)
  if (holding.owner !== client) {
    throw rpcError("NotOwner", `transport ${ref} belongs to another client`, { transport: ref })
  }
  const { kind, id } = holding
  const operation = "startTls"
  if (!(holding instanceof StreamHolding) || (kind !== "tcp" && kind !== "unix")) {
    throw rpcError("NotSupported", `transport ${id} (${kind}) cannot change to TLS`, { kind, operation })
  }
  const [channel] = holding.channels
  const { stream } = channel
  if (stream instanceof UpgradingStream) {
    throw rpcError("TransportBusy", `transport ${id} is changing to TLS already`, { operation })
  }
  if (channel.isLent) throw busy(channel, channel.inlet?.feeder?.operation ?? "splice")
  if (stream.isClosing || stream.wroteEof) {
    throw rpcError("TransportClosed", `transport ${id} is closed`, { transport: id })
  }
  return { holding, channel, plain: stream as NodeStream }
}

/** The socket, once all that was written before has gone out; what came and nobody has seen is in front of it again. */
async function released(plain: NodeStream, unread: Buffer): Promise<Socket> {
  const socket = (await plain.release().catch((error: Error) => {
    throw handshakeFailure(error)
  })) as Socket
  if (unread.length > 0) socket.unshift(unread)
  return socket
}

async function session(
  { tls, serverSide, serverHostname }: Params,
  socket: Socket,
  { kind, extra }: StreamHolding,
  { signal }: UpgradingStream,
  context: Context,
): Promise<Line> {
  try {
    const security = serverSide ? await serverSecurity(tls) : await clientSecurity(tls, nameFor(serverHostname))
    const plain: Line = {
      socket,
      kind: kind as Line["kind"],
      extra,
      makeStream: (events) => new NodeStream(socket, events),
    }
    return await secured(plain, security, { ...context, signal: AbortSignal.any([signal, context.signal]) })
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function nameFor(serverHostname: string | undefined): string {
  if (serverHostname !== undefined) return serverHostname
  throw rpcError("InvalidParams", "startTls needs a serverHostname, to verify the certificate")
}
