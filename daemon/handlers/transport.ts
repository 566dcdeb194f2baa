/** Using transports: finds what is meant, checks that the client may and the kind can, and does one thing. */
import { constants } from "node:os"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { Channel } from "../hold/channel.ts"
import type { Holding } from "../hold/holding.ts"
import type { Inlet } from "../hold/inlet.ts"
import type { Outlet } from "../hold/outlet.ts"
import { ProcessHolding } from "../hold/processHolding.ts"
import { StreamHolding } from "../hold/streamHolding.ts"
import type { Ref, Target } from "../hold/table.ts"
import type { Context, HandlersOf } from "./context.ts"

export const transportHandlers: HandlersOf<"transport"> = {
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
  "transport/writeEof": async ({ transport }, context) => {
    if (hasEnded(transport, context)) return null
    const { channel, inlet } = writable(transport, context, "writeEof")
    // A pipe has one direction: its end of file is its close (asyncio, R-7 of the conformance list).
    if (channel.outlet === null) channel.close()
    else channel.stream.writeEof()
    await inlet.whenFlushed()
    return null
  },
  "transport/pauseReading": ({ transport }, context) => {
    if (!hasEnded(transport, context)) readable(transport, context, "pauseReading").outlet.pause()
    return null
  },
  "transport/resumeReading": ({ transport }, context) => {
    if (!hasEnded(transport, context)) readable(transport, context, "resumeReading").outlet.resume()
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

  "transport/isReading": ({ transport }, context) => readable(transport, context, "isReading").channel.isReading,
  "transport/isClosing": ({ transport }, context) => {
    if (hasEnded(transport, context)) return true
    const { channel, holding } = owned(transport, context)
    return channel?.stream.isClosing ?? holding.state !== "open"
  },
  "transport/canWriteEof": ({ transport }, context) => stream(owned(transport, context), "canWriteEof").inlet !== null,
  "transport/getWriteBufferSize": ({ transport }, context) =>
    writable(transport, context, "getWriteBufferSize").inlet.bufferedBytes,
  "transport/getWriteBufferLimits": ({ transport }, context) => {
    const { highBytes, lowBytes } = writable(transport, context, "getWriteBufferLimits").inlet.marks
    return { highBytes, lowBytes }
  },
  "transport/setWriteBufferLimits": ({ transport, highBytes, lowBytes }, context) => {
    writable(transport, context, "setWriteBufferLimits").inlet.setMarks(highBytes, lowBytes)
    return null
  },
  "transport/getPid": ({ transport }, context) => processOf(transport, context, "getPid").process.pid,
  "transport/getReturncode": ({ transport }, context) =>
    processOf(transport, context, "getReturncode").process.returncode,
  "transport/getPipeTransport": ({ transport, fd }, context) =>
    processOf(transport, context, "getPipeTransport").pipes[fd as 0 | 1 | 2] ?? null,
  "transport/getExtraInfo": ({ transport, name, default: otherwise }, context) => {
    const { extra } = owned(transport, context).holding
    return Object.hasOwn(extra, name) ? extra[name] : (otherwise ?? null)
  },

  "transport/configure": ({ transport, ...options }, context) => {
    const { holding, channel } = owned(transport, context)
    for (const each of channel === undefined ? holding.channels : [channel]) each.outlet?.configure(options)
    if (options.onEof !== undefined && holding instanceof StreamHolding) holding.onEof = options.onEof
    return null
  },
  "transport/list": (_params, { daemon }) => ({
    transports: [...daemon.table.holdings()].map((holding) => holding.describe()),
  }),
  "transport/describe": ({ transport }, { daemon }) => daemon.table.find(transport).holding.describe(),

  "transport/consumed": ({ transport, offset }, context) => {
    if (!hasEnded(transport, context)) readable(transport, context, "consumed").outlet.consumed(offset)
  },
}

/** Whether the transport was there and has ended: what only ends or pauses it is then done already. */
function hasEnded(ref: Ref, { daemon: { table } }: Context): boolean {
  return table.ending(ref) !== undefined
}

/** What `ref` names, if it is this client's. */
function owned(ref: Ref, { daemon: { table }, session }: Context): Target {
  const target = table.find(ref)
  if (target.holding.owner === session) return target
  throw rpcError("NotOwner", `transport ${ref} belongs to another client`, { transport: ref })
}

/** What `close` and `abort` mean: the pipe that was named, or the whole holding. */
function whole({ holding, channel }: Target): { close(): void; abort(): void } {
  return channel === undefined || channel.id === holding.id ? holding : channel
}

function stream({ holding, channel }: Target, operation: string): Channel {
  if (channel === undefined) throw notSupported(holding, operation, "name one of its pipes")
  return channel
}

function readable(ref: Ref, context: Context, operation: string): { channel: Channel; outlet: Outlet } {
  const target = owned(ref, context)
  const channel = stream(target, operation)
  if (channel.outlet === null) throw notSupported(target.holding, operation, "this pipe is written to")
  return { channel, outlet: channel.outlet }
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
  const ending = context.daemon.table.ending(ref)
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
