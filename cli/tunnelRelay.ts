/**
 * Runs a relay over a tunnel, a connection to the daemon that carries the bytes of one transport and nothing else. Knows
 * neither verbs nor where the relay leads.
 *
 * Theory of operation. A tunnel is fast because it says nothing: neither why it ended nor what has arrived. So both
 * directions are counted here, and what was sent is kept until the daemon has it. When the tunnel ends, or is to be left,
 * the client that speaks messages asks what has become of the transport, and then either goes on in its place or has
 * another tunnel made, at these counts: nothing is lost, and nothing comes twice.
 *
 *     tunnel ── its connection broke ──▶ tunnel
 *        └───── an end of file, the end of the transport, our leaving ──▶ messages
 *
 * The trap: an end of file and a connection that broke read alike.
 */
import type { Socket } from "node:net"
import type { Client, Protocol, Transport, TunnelOptions } from "transportd/client"
import { Inquiry, type Counts } from "./inquiry.ts"
import type { Description } from "./ref.ts"
import type { Line, Relay } from "./relay.ts"
import { Sent } from "./sent.ts"
import { connectionEnded, isBroken, lossOf, takenOver } from "./tunnelEnd.ts"

type Wishes = Pick<TunnelOptions, "since" | "steal">

export class TunnelRelay implements Line {
  readonly id: number
  readonly #client: Client
  readonly #path: string
  readonly #relay: Relay
  readonly #inquiry: Inquiry
  readonly #sent: Sent
  /** The tunnel; null when it has ended. */
  #line: Socket | null = null
  /** Who the daemon says owns the transport with it. */
  #clientId: number | null = null
  /** What goes on in its place. */
  #messages: Transport | null = null
  /** Settles when something does. */
  #moved = Promise.resolve()
  /** The offset behind the last byte that the relay was given. */
  #receivedTo: number
  #isReading = false
  #isLeaving = false
  #hasEnded = false

  /**
   * Takes the transport `described` and gives it to `relay`, which hears what it would from the client library.
   * Rejects as `tunnel()` of that does.
   * @param path the socket of the daemon that `client` is connected to.
   */
  static async begin(
    client: Client,
    path: string,
    described: Description,
    relay: Relay,
    wishes: Wishes,
  ): Promise<TunnelRelay> {
    const tunnelled = new TunnelRelay(client, path, described, relay)
    await tunnelled.#open(wishes)
    relay.connectionMade(tunnelled)
    tunnelled.resumeReading()
    return tunnelled
  }

  private constructor(client: Client, path: string, { transport, channels }: Description, relay: Relay) {
    this.id = transport
    this.#client = client
    this.#path = path
    this.#relay = relay
    this.#inquiry = new Inquiry(client, transport)
    this.#sent = new Sent(this.#inquiry, client.comesBack, () => this.#goOnWriting())
    this.#receivedTo = channels[0]?.consumed ?? 0
  }

  write(chunk: Buffer): void {
    if (this.#messages !== null) return this.#messages.write(chunk)
    this.#sent.push(chunk)
    const hasRoom = this.#line?.write(chunk) === true
    if (!hasRoom || this.#sent.isFull) this.#relay.pauseWriting()
  }

  writeEof(): void {
    this.#hasEnded = true
    if (this.#messages !== null) endWriting(this.#messages)
    else if (this.#line !== null) void this.#endOnceMoved(this.#line)
  }

  close(): void {
    this.#messages?.close()
  }

  pauseReading(): void {
    this.#isReading = false
    this.#line?.pause()
    this.#messages?.pauseReading()
  }

  resumeReading(): void {
    this.#isReading = true
    if (this.#isLeaving) return
    this.#line?.resume()
    this.#messages?.resumeReading()
  }

  /**
   * Leaves the transport to whoever attaches next, who goes on behind the last byte that the relay was given; what the
   * relay has written is written. Resolves then, and never when the transport was lost first, which the relay hears.
   */
  async detach(): Promise<void> {
    this.#isLeaving = true
    this.#relay.pauseWriting()
    this.#line?.pause()
    await this.#moved
    if (this.#line !== null) await this.#move(this.#line)
    if (this.#messages === null) await new Promise(() => {})
    this.#messages?.detach()
  }

  async #open(wishes: Wishes): Promise<void> {
    const { tunnel } = await import("transportd/client")
    const [line, opened] = await tunnel({ socket: this.#path, transport: this.id, ...wishes })
    const { since = this.#receivedTo } = wishes
    if (typeof since === "number" && opened.offset > since) this.#relay.bytesLost(since, opened.offset)
    this.#receivedTo = opened.offset
    this.#line = line
    this.#clientId = opened.clientId
    const move = (): void => {
      if (this.#line === line) this.#moved = this.#move(line)
    }
    line
      .on("data", (chunk: Buffer) => {
        this.#receivedTo += chunk.length
        this.#relay.dataReceived(chunk)
      })
      .on("drain", () => this.#goOnWriting())
      // It says that the connection to the daemon broke, and not why: that is asked.
      .on("error", () => {})
      .once("end", move)
      .once("close", move)
    this.#sent.again(opened.brought, line)
    this.#goOnWriting()
    if (this.#hasEnded) void this.#endOnceMoved(line)
    if (this.#isReading && !this.#isLeaving) line.resume()
  }

  /** Puts something else in the place of `line`. */
  async #move(line: Socket): Promise<void> {
    this.#line = null
    this.#relay.pauseWriting()
    try {
      const { clientId, lifetime, state } = await this.#inquiry.describe()
      if (clientId !== null && clientId !== this.#clientId) {
        throw takenOver(`client ${clientId}`, `transport ${this.id}`)
      }
      const isBreak = !this.#isLeaving && (await isBroken(line))
      if (isBreak && lifetime === "client") throw await connectionEnded()
      // Stolen, for the daemon may not have noticed yet that the former connection is gone.
      const wishes = { since: this.#receivedTo, steal: true }
      if (isBreak && state === "open") await this.#open(wishes).catch(() => this.#attach(line, wishes))
      else await this.#attach(line, wishes)
    } catch (error) {
      this.#relay.connectionLost(await lossOf(error as Error, line))
    }
    line.destroy()
  }

  async #attach(line: Socket, wishes: Wishes): Promise<void> {
    const relay = this.#relay
    const successor: Protocol = {
      connectionMade: (transport: Transport) => transport.pauseReading(),
      dataReceived: (data) => relay.dataReceived(data),
      bytesLost: (from, to) => relay.bytesLost(from, to),
      eofReceived: () => relay.eofReceived(),
      pauseWriting: () => relay.pauseWriting(),
      resumeWriting: () => relay.resumeWriting(),
      connectionLost: (error) => relay.connectionLost(error),
    }
    if (!this.#client.comesBack) await this.#sent.untilBrought()
    const attach = () => this.#client.loop.attach(() => successor, this.id, { ...wishes, paused: true })
    const [messages] = await this.#inquiry.ask(attach)
    const { channels } = await this.#inquiry.describe()
    const { retained, brought } = channels[0] as Counts
    if (this.#isLeaving && retained.from > this.#receivedTo) await this.#readOut(line)
    this.#messages = messages
    if (!this.#isLeaving) relay.resumeWriting()
    this.#sent.again(brought, messages)
    this.#sent.forget()
    if (this.#hasEnded) endWriting(messages)
    if (this.#isReading && !this.#isLeaving) messages.resumeReading()
  }

  /** Takes from `line` what is kept nowhere else: the daemon ends it behind that. */
  async #readOut(line: Socket): Promise<void> {
    if (!line.destroyed && !line.readableEnded) {
      await new Promise((resolve) => line.once("end", resolve).once("close", resolve).resume())
    }
    const since = { transport: this.id, since: this.#receivedTo, steal: true, paused: true }
    await this.#inquiry.ask(() => this.#client.request("transport/attach", since))
  }

  #goOnWriting(): void {
    if (this.#line?.writableNeedDrain !== false || this.#isLeaving) return
    if (!this.#sent.isFull) this.#relay.resumeWriting()
  }

  /**
   * Ends `line` when the system has all that was sent: a tunnel that has ended on both sides is a client that is gone,
   * whose bytes have a deadline, and those of a command that waits for them have none.
   */
  async #endOnceMoved(line: Socket): Promise<void> {
    await this.#sent.untilMoved(() => this.#line !== line)
    if (this.#line === line) line.end()
  }
}

/** TLS ends both ways at once. */
function endWriting(transport: Transport): void {
  if (transport.canWriteEof()) transport.writeEof()
  else transport.close()
}
