/**
 * asyncio's protocols as interfaces: what a user's object may implement to hear of its transport. Every callback is
 * optional, but for the two that make a protocol a buffered one.
 *
 * Order: `connectionMade (dataReceived* eofReceived?) connectionLost`, each of the first and last exactly once;
 * `pauseWriting` and `resumeWriting` alternate between them.
 * Source: asyncio `protocols.py`.
 */
import type { DatagramTransport, SenderAddress } from "./datagram.ts"
import type { SubprocessTransport } from "./process.ts"
import type { Transport } from "./transport.ts"

/** What all protocols share. */
export interface BaseProtocol<OfTransport> {
  /** The connection is made; `transport` is usable at once. */
  connectionMade?(transport: OfTransport): void
  /** The connection is lost or closed: null after an end of the remote, `close()` and `abort()`. */
  connectionLost?(error: Error | null): void
  /** The write buffer went strictly over the high water mark: called inside `write()`, before it returns. */
  pauseWriting?(): void
  /**
   * Bytes were dropped before this client could have them, from `from` up to and without `to`: it was away, or watched
   * too slowly. What follows continues at `to`. `fd` is the descriptor, for a process.
   */
  bytesLost?(from: number, to: number, fd?: number): void
  /** The write buffer drained to the low water mark or below. */
  resumeWriting?(): void
}

/** A streaming protocol. */
export interface Protocol extends BaseProtocol<Transport> {
  /** Bytes came: never empty, cut anywhere. The buffer is the receiver's to keep. */
  dataReceived?(data: Buffer): void
  /**
   * The remote sends no more; at most once. A truthy answer keeps the transport half-open until the protocol closes it;
   * anything else, none included, closes it.
   */
  eofReceived?(): unknown
}

/** A streaming protocol that provides its own receive buffer. */
export interface BufferedProtocol extends BaseProtocol<Transport> {
  /**
   * Gives a buffer to fill, of any size but zero: an empty one is an error that ends the transport.
   * @param sizeHint bytes that are there, as a recommendation.
   */
  getBuffer(sizeHint: number): Uint8Array
  /** The first `bytes` bytes of the buffer were filled. */
  bufferUpdated(bytes: number): void
  /** As {@link Protocol.eofReceived}. */
  eofReceived?(): unknown
}

export type StreamProtocol = Protocol | BufferedProtocol

/** A protocol for a child process. */
export interface SubprocessProtocol extends BaseProtocol<SubprocessTransport> {
  /** The child wrote to `fd` (1 or 2). No order is promised between the two. */
  pipeDataReceived?(fd: number, data: Buffer): void
  /** The pipe `fd` is closed; exactly once for each pipe, after all its data. */
  pipeConnectionLost?(fd: number, error: Error | null): void
  /** The child ended; `getReturncode()` knows how. May come before the last output. */
  processExited?(): void
}

/** A protocol for datagrams. */
export interface DatagramProtocol extends BaseProtocol<DatagramTransport> {
  /** One datagram came, whole; it may be empty. `transport.sendto()` takes `addr` as it is. */
  datagramReceived?(data: Buffer, addr: SenderAddress): void
  /** An earlier datagram could not be sent, or was refused (`error.errno`: ECONNREFUSED, …). The transport stays. */
  errorReceived?(error: Error): void
  /** That many datagrams came and were dropped here, because we did not keep up. Not in asyncio. */
  datagramsLost?(count: number): void
}

export function isBuffered(protocol: StreamProtocol): protocol is BufferedProtocol {
  return "getBuffer" in protocol
}
