/** Using transports: finds what is meant, checks that the client may and the kind can, and does one thing. */
import { constants } from "node:os"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { Attachment } from "../hold/attachment.ts"
import type { Channel } from "../hold/channel.ts"
import type { Holding } from "../hold/holding.ts"
import { DatagramHolding } from "../hold/datagramHolding.ts"
import type { DatagramOutlet } from "../hold/datagramOutlet.ts"
import type { Inlet } from "../hold/inlet.ts"
import type { Intake } from "../hold/intake.ts"
import type { Outlet } from "../hold/outlet.ts"
import { ProcessHolding } from "../hold/processHolding.ts"
import { StreamHolding } from "../hold/streamHolding.ts"
import { endError, type Ref, type Target } from "../hold/table.ts"
import { attachHandlers } from "./attach.ts"
import type { Context, HandlersOf } from "./context.ts"

export const transportHandlers: HandlersOf<"transport"> = {
  ...attachHandlers,
  "transport/write": async ({ transport, data, offset }, context) => {
    const { channel, inlet } = writable(transport, context, "write")
    channel.write(data, offset)
    await inlet.whenFlushed()
    return null
  },
  "transport/writelines": async ({ transport, data }, context) => {
    const { channel, inlet } = writable(transport, context, "writelines")
    for (const piece of data) channel.write(piece)
    await inlet.whenFlushed()
    return null
  },
  "transport/sendto": async ({ transport, data, addr }, context) => {
    const holding = endpoint(owned(transport, context).holding, "sendto")
    holding.sendto(data, addr ?? null)
    await holding.intake.whenFlushed()
    return null
  },
  "transport/writeEof": async ({ transport }, context) => {
    if (hasEnded(transport, context)) return null
    const { channel, inlet } = writable(transport, context, "writeEof")
    // A pipe has one direction: its end of file is its close.
    if (!channel.readable) channel.close()
    else if (channel.stream.canWriteEof) channel.stream.writeEof()
    else throw notSupported(owned(transport, context).holding, "writeEof", "TLS ends both ways at once; close it")
    await inlet.whenFlushed()
    return null
  },
  "transport/pauseReading": ({ transport }, context) => {
    if (!hasEnded(transport, context)) readable(transport, context, "pauseReading").pause()
    return null
  },
  "transport/resumeReading": ({ transport }, context) => {
    if (!hasEnded(transport, context)) readable(transport, context, "resumeReading").resume()
    return null
  },
  "transport/close": ({ transport }, context) => {
    if (!hasEnded(transport, context)) whole(owned(transport, context)).close()
    return null
  },
  "transport/abort": ({ transport }, context) => {
    if (!hasEnded(transport, context)) whole(owned(transport, context)).abort()
    return null
  },
  "transport/sendSignal": ({ transport, signal }, context) => {
    sendSignal(transport, signal, context)
    return null
  },
  "transport/terminate": ({ transport }, context) => {
    sendSignal(transport, "SIGTERM", context)
    return null
  },
  "transport/kill": ({ transport }, context) => {
    sendSignal(transport, "SIGKILL", context)
    return null
  },

  "transport/isReading": ({ transport }, context) => {
    const { channel, holding } = attached(transport, context)
    const isClosing = channel?.stream.isClosing ?? holding.isClosing
    return !readable(transport, context, "isReading").paused && !isClosing
  },
  "transport/isClosing": ({ transport }, context) => {
    if (hasEnded(transport, context)) return true
    const { channel, holding } = owned(transport, context)
    return channel?.stream.isClosing ?? holding.state !== "open"
  },
  "transport/canWriteEof": ({ transport }, context) =>
    stream(owned(transport, context), "canWriteEof").stream.canWriteEof,
  "transport/getWriteBufferSize": ({ transport }, context) =>
    intakeOf(transport, context, "getWriteBufferSize").bufferedBytes,
  "transport/getWriteBufferLimits": ({ transport }, context) => {
    const { highBytes, lowBytes } = intakeOf(transport, context, "getWriteBufferLimits").marks
    return { highBytes, lowBytes }
  },
  "transport/setWriteBufferLimits": ({ transport, highBytes, lowBytes }, context) => {
    intakeOf(transport, context, "setWriteBufferLimits").setMarks(highBytes, lowBytes)
    return null
  },
  "transport/getPid": ({ transport }, context) => processOf(transport, context, "getPid").process.pid,
  "transport/getReturncode": ({ transport }, context) =>
    processOf(transport, context, "getReturncode").process.returncode,
  "transport/getPipeTransport": ({ transport, fd }, context) =>
    processOf(transport, context, "getPipeTransport").pipes[fd as 0 | 1 | 2] ?? null,
  "transport/getExtraInfo": ({ transport, name, default: otherwise }, context) => {
    const { extra } = context.daemon.table.find(transport).holding
    return Object.hasOwn(extra, name) ? extra[name] : (otherwise ?? null)
  },

  "transport/configure": ({ transport, multicast, ...options }, context) => {
    const { holding, channel, attachment } = attached(transport, context)
    if (multicast !== undefined) endpoint(owned(transport, context).holding, "multicast").changeMulticast(multicast)
    attachment.datagrams?.configure(options)
    for (const each of channel === undefined ? holding.channels : [channel]) {
      attachment.outlet(each)?.configure(options)
    }
    if (options.onEof !== undefined && attachment.isOwner && holding instanceof StreamHolding) {
      holding.onEof = options.onEof
    }
    return null
  },
  "transport/list": (_params, { daemon }) => ({
    transports: [...daemon.table.holdings()].map((holding) => holding.describe()),
  }),
  "transport/describe": ({ transport }, { daemon }) => daemon.table.find(transport).holding.describe(),

  "transport/consumed": ({ transport, offset }, context) => {
    if (!hasEnded(transport, context)) readable(transport, context, "consumed").acknowledge(offset)
  },
}

/** Whether the transport was there and has ended: what only ends or pauses it is then done already. */
function hasEnded(ref: Ref, { daemon: { table }, session }: Context): boolean {
  return table.ending(ref, session) !== undefined
}

/** What `ref` names, if it is this client's. */
function owned(ref: Ref, context: Context): Target {
  const { table } = context.daemon
  const { session } = context
  const target = table.find(ref)
  if (target.holding.owner === session) return target
  throw stranger(target.holding, `transport ${ref} belongs to another client`, context)
}

/** What `close` and `abort` mean: the pipe that was named, or the whole holding. */
function whole({ holding, channel }: Target): { close(): void; abort(): void } {
  return channel === undefined || channel.id === holding.id ? holding : channel
}

function stream({ holding, channel }: Target, operation: string): Channel {
  if (channel !== undefined) return channel
  const isEndpoint = holding instanceof DatagramHolding
  throw notSupported(holding, operation, isEndpoint ? "it has datagrams, no stream" : "name one of its pipes")
}

function endpoint(holding: Holding, operation: string): DatagramHolding {
  if (holding instanceof DatagramHolding) return holding
  throw notSupported(holding, operation, "it has no datagrams")
}

/** What counts the write buffer of a stream or an endpoint. */
function intakeOf(ref: Ref, context: Context, operation: string): Intake {
  const { holding } = owned(ref, context)
  return holding instanceof DatagramHolding ? holding.intake : writable(ref, context, operation).inlet
}

/** What `ref` names, and this client's relation to it: that of an owner or an observer. */
function attached(ref: Ref, context: Context): Target & { readonly attachment: Attachment } {
  const { table } = context.daemon
  const { session } = context
  const target = table.find(ref)
  const attachment = target.holding.attachmentOf(session)
  if (attachment !== undefined) return { ...target, attachment }
  throw stranger(target.holding, `this client is not attached to transport ${ref}`, context)
}

/** Why a client may not do something with what is not its own: it has ended, or is another's. */
function stranger(holding: Holding, message: string, { daemon: { table }, session }: Context): RpcError {
  const ending = table.ending(holding.id, session)
  return ending === undefined ? rpcError("NotOwner", message, { transport: holding.id }) : endError(holding.id, ending)
}

/** This client's own position in what comes. */
function readable(ref: Ref, context: Context, operation: string): Outlet | DatagramOutlet {
  const { attachment, ...target } = attached(ref, context)
  if (attachment.datagrams !== null) return attachment.datagrams
  const outlet = attachment.outlet(stream(target, operation))
  if (outlet === undefined) throw notSupported(target.holding, operation, "this pipe is written to")
  return outlet
}

function writable(ref: Ref, context: Context, operation: string): { channel: Channel; inlet: Inlet } {
  const target = owned(ref, context)
  const channel = stream(target, operation)
  if (channel.inlet === null) throw notSupported(target.holding, operation, "this pipe is read from")
  return { channel, inlet: channel.inlet }
}

function processOf(ref: Ref, context: Context, operation: string): ProcessHolding {
  const { holding } = owned(ref, context)
  if (holding instanceof ProcessHolding) return holding
  throw notSupported(holding, operation, "it is no process")
}

function sendSignal(ref: Ref, signal: string | number, context: Context): void {
  const ending = context.daemon.table.ending(ref, context.session)
  if (ending?.pid !== undefined) {
    throw rpcError("NoSuchProcess", `process ${ending.pid} has ended`, { pid: ending.pid })
  }
  const known =
    typeof signal === "number" ? Object.values(constants.signals).includes(signal) : signal in constants.signals
  if (!known) throw rpcError("InvalidParams", `this system has no signal ${signal}`)
  const { process, isClosing } = processOf(ref, context, "sendSignal")
  if (!isClosing) process.signal(signal as NodeJS.Signals | number)
}

function notSupported({ kind, id }: Holding, operation: string, why: string): RpcError {
  return rpcError("NotSupported", `transport ${id} (${kind}) does not support ${operation}: ${why}`, {
    kind,
    operation,
  })
}
