/** The wire, for programs that speak it themselves: framing, errors, limits, declarations. */
export { ERRORS, errorName, isRpcError, RpcError, rpcError, type ErrorName, type WireError } from "./errors.ts"
export * as limits from "./limits.ts"
export { FrameReader, type Framing } from "./framing/reader.ts"
export { ReadMemory } from "./framing/memory.ts"
export { FrameWriter } from "./framing/writer.ts"
export { ConnectionEnded, Peer, type PeerOptions, type RequestContext } from "./peer.ts"
export { Consumption, SendWindow } from "./window.ts"
export { WaterMarks } from "./waterMarks.ts"
export { openrpcDocument } from "./openrpc.ts"
export {
  declarations,
  type ClientNotificationName,
  type ClientNotificationParams,
  type DaemonNotificationName,
  type DaemonNotificationParams,
  type RequestName,
  type RequestParams,
  type RequestResult,
} from "./registry.ts"
export { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, VERSION } from "./version.ts"
