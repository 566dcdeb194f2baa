/**
 * A UDP socket as a transport: datagrams leave in the order given, whole or not at all, and each that cannot leave is
 * reported and dropped. Knows nothing of who sends or hears them, nor of how names are looked up.
 *
 * Theory of operation. What is sent waits here for a batch or the end of the tick, so that what comes together leaves in
 * few system calls where there is one remote; all else is Node's. Only some of it is with Node, so that an abort can drop
 * the rest and a name can be looked up without letting what comes behind it overtake. A socket that Node closes forgets
 * its callbacks, so a close waits for those first.
 * What comes is told by Node, the first of a turn; if there is a second, all that is here is taken at once.
 */
import type { Socket } from "node:dgram"
import { isIP } from "node:net"
import { DATAGRAM_OVERHEAD_BYTES } from "../../protocol/limits.ts"
import { Queue } from "../../protocol/queue.ts"
import { stateOf, type DatagramState } from "../../sockets/datagrams.ts"
import { BATCH, receiveMany, sendMany } from "../native/datagrams.ts"
import type { InetAddress } from "./tcp.ts"
import type { Extra } from "./transport.ts"

/** Datagrams handed to Node at once: enough for the system to be kept busy. */
const HANDED_DATAGRAMS = 64

/** Where a datagram goes: an address or a name. */
export interface Destination {
  readonly host: string
  readonly port: number
}

/** What an endpoint reports. Never called from inside one of its methods. */
export interface DatagramEvents {
  /** A datagram came; it may be empty. The buffer is the receiver's. */
  datagram(data: Buffer, from: InetAddress): void
  /** Something that was sent did not go out, or was refused; the endpoint lives on. */
  failed(error: Error): void
  /** Datagrams of so many bytes, their overhead included, are out or given up; once per turn at most. */
  flushed(bytes: number): void
  /** The end: exactly once, nothing follows. Only `close` and `abort` lead here. */
  lost(): void
}

export interface DatagramOptions {
  readonly family: 4 | 6
  /** Whether the socket has one remote, which needs no address. */
  readonly connected: boolean
  /** The address of a name, in the family of the endpoint. */
  resolve(host: string): Promise<string>
}

/** A group, and where and from whom it is heard. */
export interface Membership {
  readonly group: string
  readonly interface?: string | undefined
  readonly source?: string | undefined
}

/** What of multicast is to change; what is absent stays. */
export interface MulticastChange {
  /** Where datagrams to a group leave. */
  readonly interface?: string | undefined
  readonly ttl?: number | undefined
  readonly loopback?: boolean | undefined
  readonly leave?: readonly Membership[] | undefined
  readonly join?: readonly Membership[] | undefined
}

/** What a datagram of `data` counts in a write buffer. Source: asyncio `_SelectorDatagramTransport` of 3.13. */
export function datagramCost(data: Uint8Array): number {
  return data.byteLength + DATAGRAM_OVERHEAD_BYTES
}

interface Outgoing {
  readonly data: Uint8Array
  readonly to: Destination | null
}

export class DatagramTransport {
  readonly #socket: Socket
  readonly #options: DatagramOptions
  readonly #events: DatagramEvents
  /** Of a socket with one remote, where Node keeps it as it does today. */
  readonly #inside: DatagramState | undefined
  #state: "open" | "closing" | "aborting" | "lost" = "open"
  readonly #queue = new Queue<Outgoing>()
  #handed = 0
  /** Whether what waits will be looked at when this tick ends. */
  #feedsSoon = false
  /** Whether something has come in this turn of the event loop. */
  #isHearing = false
  #resolving = false
  #lastHost = ""
  #lastVersion = 0
  /** Out since the last report. */
  #flushedBytes = 0

  /** @param socket is bound and, if `connected`, connected. */
  constructor(socket: Socket, options: DatagramOptions, events: DatagramEvents) {
    this.#socket = socket
    this.#options = options
    this.#events = events
    this.#inside = options.connected ? stateOf(socket) : undefined
    let from: InetAddress = { host: "", port: 0, family: "IPv4" }
    socket.on("message", (data, { address, port, family }) => {
      if (this.#state !== "open") return
      // One object for all that the same remote sends in a row, frozen, so that its JSON is made once.
      if (port !== from.port || address !== from.host) from = Object.freeze({ host: address, port, family })
      events.datagram(data, from)
      if (this.#inside !== undefined) this.#hearMore(from)
    })
    // Platform: what the remote refuses (ICMP) comes as an error of the socket; Node keeps the socket open.
    socket.on("error", (error) => {
      if (this.#state !== "lost") events.failed(error)
    })
    socket.on("close", () => events.lost())
  }

  get isClosing(): boolean {
    return this.#state !== "open"
  }

  /** Takes a copy of a datagram: its memory is the caller's again. After `close` and `abort`: dropped. */
  send(data: Uint8Array, to: Destination | null): void {
    if (this.#state !== "open") return
    this.#queue.push({ data: Buffer.from(data), to })
    // The remote begins while what comes behind a batch is looked at: a fourteenth more than with all of a tick at once.
    // Not again for what did not go: Node waits for room, at the end of the tick.
    if (this.#queue.length === BATCH) this.#sendMany()
    if (this.#mayPass) this.#feedSoon()
  }

  /** Throws what {@link changeMulticast} does. */
  changeMulticast(change: MulticastChange): void {
    changeMulticast(this.#socket, change)
  }

  /** Sends what was taken, then ends. Nothing is heard any more. */
  close(): void {
    if (this.#state !== "open") return
    this.#state = "closing"
    this.#feedSoon()
  }

  /** Ends at once; what the system has no room for is dropped. */
  abort(): void {
    if (this.#state === "aborting" || this.#state === "lost") return
    this.#state = "aborting"
    this.#feedSoon()
  }

  /** -1: of a socket with many remotes, or one that is closed. */
  get #fd(): number {
    return this.#inside?.handle?.fd ?? -1
  }

  get #mayPass(): boolean {
    return this.#handed < HANDED_DATAGRAMS && !this.#resolving
  }

  #feedSoon(): void {
    if (this.#feedsSoon) return
    this.#feedsSoon = true
    process.nextTick(() => {
      this.#feedsSoon = false
      this.#feed()
    })
  }

  #feed(): void {
    if (this.#state === "lost") return
    this.#sendMany()
    while (this.#mayPass) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#pass(next.data, next.to)
    }
    const idle = this.#queue.length === 0 && this.#handed === 0 && !this.#resolving
    // The last of what went out is reported before the end.
    if (this.#state === "aborting") this.#end()
    else if (this.#state === "closing" && idle && this.#flushedBytes === 0) this.#end()
  }

  /** To one remote: sends what waits, a batch at once, as far as the system has room; of one alone Node does as well. */
  #sendMany(): void {
    const fd = this.#fd
    while (this.#queue.length > 1 && this.#handed === 0 && fd >= 0) {
      const batch = Array.from(this.#queue.upTo(BATCH), ({ data }) => data)
      const sent = sendMany(fd, batch)
      for (const data of batch.slice(0, sent)) {
        this.#queue.shift()
        this.#done(data, null)
      }
      // Node waits for room, and says what is wrong with the next.
      if (sent < batch.length) return
    }
  }

  /** Takes what else is here, once something has come in this turn already. */
  #hearMore(from: InetAddress): void {
    if (!this.#isHearing) {
      this.#isHearing = true
      setImmediate(() => (this.#isHearing = false))
      return
    }
    const fd = this.#fd
    if (fd < 0) return
    try {
      for (const data of receiveMany(fd)) if (this.#state === "open") this.#events.datagram(data, from)
    } catch (error) {
      this.#events.failed(error as Error)
    }
  }

  #pass(data: Uint8Array, to: Destination | null): void {
    if (to === null || this.#versionOf(to.host) !== 0) this.#hand(data, to)
    else void this.#resolve(data, to)
  }

  async #resolve(data: Uint8Array, { host, port }: Destination): Promise<void> {
    this.#resolving = true
    const found = await this.#options.resolve(host).catch((error: unknown) => error as Error)
    this.#resolving = false
    if (this.#state === "lost") return
    if (typeof found === "string") this.#hand(data, { host: found, port })
    else this.#done(data, found)
    this.#feed()
  }

  #hand(data: Uint8Array, to: Destination | null): void {
    this.#handed++
    const done = (error: Error | null): void => {
      if (this.#state === "lost") return
      this.#handed--
      this.#done(data, error)
    }
    const { connected, family } = this.#options
    if (connected || to === null) return this.#socket.send(data, done)
    const flaw = flawOf(to, this.#versionOf(to.host), family)
    if (flaw === null) this.#socket.send(data, to.port, to.host, done)
    else process.nextTick(done, flaw)
  }

  /** 4, 6, or 0 for a name. Remembered of the last: the next is mostly for the same, and a look is a regular expression. */
  #versionOf(host: string): number {
    if (host !== this.#lastHost) {
      this.#lastHost = host
      this.#lastVersion = isIP(host)
    }
    return this.#lastVersion
  }

  #done(data: Uint8Array, error: Error | null): void {
    if (error !== null) this.#events.failed(error)
    if (this.#flushedBytes === 0) process.nextTick(() => this.#report())
    this.#flushedBytes += datagramCost(data)
  }

  #report(): void {
    const bytes = this.#flushedBytes
    this.#flushedBytes = 0
    if (this.#state === "lost") return
    this.#events.flushed(bytes)
    this.#feed()
  }

  #end(): void {
    this.#state = "lost"
    this.#socket.close()
  }
}

/** What Node would throw for, in the words that the system has for it (asyncio asks `getaddrinfo` for the first). */
function flawOf({ host, port }: Destination, version: number, family: 4 | 6): Error | null {
  if (version !== family) {
    return Object.assign(new Error(`${host} is no IPv${family} address`), {
      code: "EAI_ADDRFAMILY",
      syscall: "getaddrinfo",
      hostname: host,
    })
  }
  return port === 0
    ? Object.assign(new Error("sendto EINVAL"), { code: "EINVAL", syscall: "sendto", address: host, port })
    : null
}

/** Changes what is given, in the order of the fields. Throws what the system says; what came before that stays. */
export function changeMulticast(socket: Socket, change: MulticastChange): void {
  if (change.interface !== undefined) socket.setMulticastInterface(change.interface)
  if (change.ttl !== undefined) socket.setMulticastTTL(change.ttl)
  if (change.loopback !== undefined) socket.setMulticastLoopback(change.loopback)
  for (const { group, interface: from, source } of change.leave ?? []) {
    if (source === undefined) socket.dropMembership(group, from)
    else socket.dropSourceSpecificMembership(source, group, from)
  }
  for (const { group, interface: from, source } of change.join ?? []) {
    if (source === undefined) socket.addMembership(group, from)
    else socket.addSourceSpecificMembership(source, group, from)
  }
}

/** `peername` (null where there is no remote), `sockname` and a description of the socket. */
export function datagramExtra(
  socket: Socket,
  { connected, family }: Pick<DatagramOptions, "connected" | "family">,
): Extra {
  const peername = connected ? inetAddress(socket.remoteAddress()) : null
  return {
    peername,
    sockname: inetAddress(socket.address()),
    socket: { type: "datagram", family: `IPv${family}` },
  }
}

function inetAddress({ address, port, family }: ReturnType<Socket["address"]>): InetAddress {
  return { host: address, port, family: family === "IPv6" ? "IPv6" : "IPv4" }
}
