/**
 * A connection of a client that carries the bytes of one transport and nothing else: a splice in each direction.
 *
 * An end of file passes through; the loss of the transport closes the connection behind all that came. The loss of the
 * connection is what it always is, a client that is gone: it leaves the transport, which stays or ends with it.
 * Invariant: what was read of either side is passed on, whatever ends first. So the counts of both sides say to the
 * byte where whoever comes next goes on.
 * The trap: a Unix socket that was closed reads like one whose sending side was ended; only a write tells them apart.
 */
import type { Duplex } from "node:stream"
import { LINGER_MS } from "../../protocol/limits.ts"
import { WaterMarks } from "../../protocol/waterMarks.ts"
import type { Clock } from "../clock.ts"
import { NodeStream } from "../transports/stream.ts"
import { Channel } from "./channel.ts"
import { Splice, type Sink } from "./splice.ts"

export interface TunnelEvents {
  /** The connection is gone: the client has left. Before anything else is done with the transport. */
  left(): void
  /** The connection is over. Called once. */
  over(): void
}

export class Tunnel {
  readonly #line: Channel
  readonly #toClient: Splice
  readonly #fromClient: Splice

  /** @param channel what it leads to, attached to and not lent to anybody. */
  constructor(socket: Duplex, channel: Sink, clock: Clock, { left, over }: TunnelEvents) {
    const line = new Channel({
      id: channel.id,
      holder: {
        channelEnded: () => {},
        channelLost: () => {
          this.#fromClient.hurry()
          over()
        },
      },
      keeping: { retainBytes: 0, whenFull: "block" },
      marks: new WaterMarks(),
      makeStream: (events) =>
        new NodeStream(
          socket,
          {
            data: (chunk) => events.data(chunk),
            eof: () => unlessClosed(socket, () => events.eof()),
            flushed: (bytes) => events.flushed(bytes),
            lost: (error) => events.lost(error),
          },
          // A client that is writing would lose what it has not read yet if its writes failed.
          { awaitRemoteEnd: { timeoutMs: LINGER_MS, after: (delayMs, action) => clock.after(delayMs, action) } },
        ),
    })
    let directions = 2
    const events = {
      ended: () => {
        directions--
        if (directions === 0) line.close()
      },
      lose: (other: Channel) => {
        if (other === line) return line.close()
        this.#fromClient.hurry()
        left()
      },
    }
    this.#line = line
    this.#toClient = new Splice(channel, line as Sink, events)
    this.#fromClient = new Splice(line, channel, events)
    this.#toClient.start()
    this.#fromClient.start()
    line.start()
  }

  /** Ends the connection behind all that was said on it; the transport is its owner's again, whoever that is. */
  close(): void {
    this.#fromClient.hurry()
    this.#fromClient.stop()
    this.#toClient.stop()
    this.#line.close()
  }
}

/**
 * Calls `action` if the other end can still read; else the write fails, and `socket` is lost.
 * Platform: Linux fails also the write of nothing with EPIPE. Elsewhere a close may pass for an end of file.
 */
function unlessClosed(socket: Duplex, action: () => void): void {
  socket.write(Buffer.alloc(0), (error) => {
    if (!error) action()
  })
}
