/** Using transports: finds what is meant, checks that the client may and the kind can, and does one thing. */
import { constants } from "node:os"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { Holding } from "../hold/holding.ts"
import type { Intake } from "../hold/intake.ts"
import { StreamHolding } from "../hold/streamHolding.ts"
import type { Ref } from "../hold/table.ts"
import { attachHandlers } from "./attach.ts"
import type { Context, HandlersOf } from "./context.ts"
import { spliceHandlers } from "./splice.ts"
import {
  attached,
  endpoint,
  free,
  hasEnded,
  intakeOf,
  notSupported,
  owned,
  processOf,
  readable,
  stream,
  whole,
  writable,
} from "./targets.ts"
import { tunnelHandlers } from "./tunnel.ts"

export const transportHandlers: HandlersOf<"transport"> = {
  ...attachHandlers,
  ...spliceHandlers,
  ...tunnelHandlers,
  "transport/write": ({ transport, data, offset }, context) => {
    const channel = free(writable(transport, context, "write"), context)
    channel.write(data, offset)
    return flushed(channel.inlet, context)
  },
  "transport/writelines": ({ transport, data }, context) => {
    const channel = free(writable(transport, context, "writelines"), context)
    for (const piece of data) channel.write(piece)
    return flushed(channel.inlet, context)
  },
  "transport/sendto": ({ transport, data, addr }, context) => {
    const holding = endpoint(owned(transport, context).holding, "sendto")
    holding.sendto(data, addr ?? null)
    return flushed(holding.intake, context)
  },
  "transport/writeEof": ({ transport }, context) => {
    if (hasEnded(transport, context)) return null
    const channel = free(writable(transport, context, "writeEof"), context)
    if (!channel.stream.canWriteEof) throw noEof(owned(transport, context).holding)
    // A pipe has one direction: its end of file is its close.
    if (channel.readable) channel.inlet.writeEof()
    else channel.close()
    return flushed(channel.inlet, context)
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
  "transport/resize": ({ transport, columns, rows }, context) => {
    if (hasEnded(transport, context)) return null
    const holding = processOf(transport, context, "resize")
    if (holding.terminal === null) throw notSupported(holding, "resize", "it has pipes, no terminal")
    holding.terminal.resize({ columns, rows })
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

/** The answer to what was written: given once the system has it all, if anybody waits for it. */
function flushed(intake: Intake, { isRequest }: Context): null | Promise<null> {
  return isRequest ? intake.whenFlushed().then(() => null) : null
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

function noEof(holding: Holding): RpcError {
  const why =
    holding.kind === "pty"
      ? "a terminal has no end of file; write what its key types (Ctrl-D is \\u0004)"
      : "TLS ends both ways at once; close it"
  return notSupported(holding, "writeEof", why)
}
