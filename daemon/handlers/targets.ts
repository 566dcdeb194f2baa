/** From what a message names to what is meant, and whether this client may: what all handlers of transports share. */
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { Attachment } from "../hold/attachment.ts"
import type { Channel } from "../hold/channel.ts"
import { DatagramHolding } from "../hold/datagramHolding.ts"
import type { DatagramOutlet } from "../hold/datagramOutlet.ts"
import type { Holding } from "../hold/holding.ts"
import type { Intake } from "../hold/intake.ts"
import type { Outlet } from "../hold/outlet.ts"
import { ProcessHolding } from "../hold/processHolding.ts"
import type { Sink } from "../hold/splice.ts"
import { endError, type Ref, type Target } from "../hold/table.ts"
import type { Context } from "./context.ts"

/** Whether the transport was there and has ended: what only ends or pauses it is then done already. */
export function hasEnded(ref: Ref, { daemon: { table }, session }: Context): boolean {
  return table.ending(ref, session) !== undefined
}

/** What `ref` names, if it is this client's. */
export function owned(ref: Ref, context: Context): Target {
  const { table } = context.daemon
  const { session } = context
  const target = table.find(ref)
  if (target.holding.owner === session) return target
  throw stranger(target.holding, `transport ${ref} belongs to another client`, context)
}

/** What `close` and `abort` mean: the pipe that was named, or the whole holding. */
export function whole({ holding, channel }: Target): { close(): void; abort(): void } {
  return channel === undefined || channel.id === holding.id ? holding : channel
}

export function stream({ holding, channel }: Target, operation: string): Channel {
  if (channel !== undefined) return channel
  const isEndpoint = holding instanceof DatagramHolding
  throw notSupported(holding, operation, isEndpoint ? "it has datagrams, no stream" : "name one of its pipes")
}

export function endpoint(holding: Holding, operation: string): DatagramHolding {
  if (holding instanceof DatagramHolding) return holding
  throw notSupported(holding, operation, "it has no datagrams")
}

/** What counts the write buffer of a stream or an endpoint. */
export function intakeOf(ref: Ref, context: Context, operation: string): Intake {
  const { holding } = owned(ref, context)
  return holding instanceof DatagramHolding ? holding.intake : writable(ref, context, operation).inlet
}

/** What `ref` names, and this client's relation to it: that of an owner or an observer. */
export function attached(ref: Ref, context: Context): Target & { readonly attachment: Attachment } {
  const { table } = context.daemon
  const { session } = context
  const target = table.find(ref)
  const attachment = target.holding.attachmentOf(session)
  if (attachment !== undefined) return { attachment, ...target }
  throw stranger(target.holding, `this client is not attached to transport ${ref}`, context)
}

/** Why a client may not do something with what is not its own: it has ended, or is another's. */
function stranger(holding: Holding, message: string, { daemon: { table }, session }: Context): RpcError {
  const ending = table.ending(holding.id, session)
  return ending === undefined ? rpcError("NotOwner", message, { transport: holding.id }) : endError(holding.id, ending)
}

/** This client's own position in what comes. */
export function readable(ref: Ref, context: Context, operation: string): Outlet | DatagramOutlet {
  const { attachment, ...target } = attached(ref, context)
  if (attachment.datagrams !== null) return attachment.datagrams
  const outlet = attachment.outlet(stream(target, operation))
  if (outlet === undefined) throw notSupported(target.holding, operation, "this pipe is written to")
  return outlet
}

/** What can be written to. Throws NotSupported for all else. */
export function sinkOf(target: Target, operation: string): Sink {
  const channel = stream(target, operation)
  if (channel.inlet === null) throw notSupported(target.holding, operation, "this pipe is read from")
  return channel as Sink
}

export function writable(ref: Ref, context: Context, operation: string): Sink {
  return sinkOf(owned(ref, context), operation)
}

/**
 * `sink`, if the client may write to it now. What it writes while a file is sent waits its turn, unless it asked for an
 * answer; what it writes to a spliced transport could never go out. Throws TransportBusy.
 */
export function free(sink: Sink, { isRequest }: Context): Sink {
  const { feeder } = sink.inlet
  if (feeder !== null && (isRequest || feeder.operation === "splice")) throw busy(sink, feeder.operation)
  return sink
}

/** Something else is being done with `channel`. */
export function busy({ id }: Channel, operation: string): RpcError {
  return rpcError("TransportBusy", `${operation} is in progress on transport ${id}`, { operation })
}

export function processOf(ref: Ref, context: Context, operation: string): ProcessHolding {
  const { holding } = owned(ref, context)
  if (holding instanceof ProcessHolding) return holding
  throw notSupported(holding, operation, "it is no process")
}

export function notSupported({ kind, id }: Holding, operation: string, why: string): RpcError {
  return rpcError("NotSupported", `transport ${id} (${kind}) does not support ${operation}: ${why}`, {
    kind,
    operation,
  })
}
