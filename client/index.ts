/** The TypeScript client: asyncio's transports and protocols over a daemon. */
export { connect, type ConnectOptions, type LaunchOptions, type Streams } from "./connect.ts"
export { readsInto } from "../sockets/reading.ts"
export { type Client, type ClientOptions, type Greeting } from "./client.ts"
export {
  type AcceptedSocketOptions,
  type ConnectionOptions,
  type DatagramOptions,
  type ExceptionHandler,
  type Loop,
  type PipeOptions,
  type ServerOptions,
  type StartTlsOptions,
  type SubprocessOptions,
  type UnixConnectionOptions,
  type UnixServerOptions,
} from "./loop.ts"
export type {
  BaseProtocol,
  BufferedProtocol,
  DatagramProtocol,
  Protocol,
  StreamProtocol,
  SubprocessProtocol,
} from "./protocols.ts"
export type { Directions, SendfileOptions, Spliced } from "./moving.ts"
export { tunnel, type Tunnelled, type TunnelOptions } from "./tunnel.ts"
export type { ReadPipe, WritePipe } from "./pipes.ts"
export type { BaseTransport, ReadTransport, Transport, WriteTransport } from "./transport.ts"
export type { DatagramAddress, DatagramTransport, SenderAddress } from "./datagram.ts"
export type { SubprocessTransport } from "./process.ts"
export type { Address, Server } from "./server.ts"
export type { DescriptorChannel, Transferable } from "./handOver.ts"
export { ERRORS, errorName, isRpcError, RpcError, type ErrorName } from "../protocol/errors.ts"
export { ConnectionEnded } from "../protocol/peer.ts"
export type { News } from "./endpoints.ts"
