/** Who hears what: from the daemon's notifications to the objects that stand for its transports and servers. */
import { RpcError, rpcError, type WireError } from "../protocol/errors.ts"
import { decodeBase64 } from "../protocol/base64.ts"
import type { DaemonNotificationName, DaemonNotificationParams } from "../protocol/registry.ts"
import type { DatagramTransport } from "./datagram.ts"
import type { Spliced } from "./moving.ts"
import type { SubprocessTransport } from "./process.ts"
import type { Server } from "./server.ts"
import type { Transport } from "./transport.ts"

/** What begins and ends in the daemon, for who watches. */
export type News = DaemonNotificationParams<"daemon/event">

export type Made = DaemonNotificationParams<"protocol/connectionMade">

/** What a server does with a connection that it accepted. */
type Accept = (made: Made) => void

/** The params of a notification, told apart by its name. */
type Notification = {
  [Name in DaemonNotificationName]: { readonly name: Name; readonly params: DaemonNotificationParams<Name> }
}[DaemonNotificationName]

type Role = "owner" | "observer"

/** A transport that outlives the connection, and what this client is to it. */
export interface Kept {
  readonly transport: Transport | SubprocessTransport
  readonly role: Role
}

export class Endpoints {
  readonly #transports = new Map<number, Transport>()
  readonly #processes = new Map<number, SubprocessTransport>()
  readonly #datagrams = new Map<number, DatagramTransport>()
  /** The process of a pipe to its stdin, which is written to under an id of its own. */
  readonly #stdins = new Map<number, SubprocessTransport>()
  readonly #servers = new Map<number, { readonly server: Server; readonly accept: Accept }>()
  readonly #kept = new Map<number, Role>()
  /** Ends a connection that nobody takes. */
  readonly #refuse: (id: number) => void
  /** Who waits for `connectionMade` of what was asked for. */
  readonly #opening = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()

  /** Who waits for the end of a splice, by where it reads. */
  readonly #splices = new Map<number, { resolve: (spliced: Spliced) => void; reject: (error: Error) => void }>()

  readonly #hear: (news: News) => void

  constructor(refuse: (id: number) => void, hear: (news: News) => void) {
    this.#refuse = refuse
    this.#hear = hear
  }

  addTransport(transport: Transport): void {
    this.#transports.set(transport.id, transport)
  }

  addProcess(process: SubprocessTransport): void {
    this.#processes.set(process.id, process)
    const stdin = process.getPipeTransport(0)
    if (stdin !== null) this.#stdins.set(stdin.id, process)
  }

  addDatagram(transport: DatagramTransport): void {
    this.#datagrams.set(transport.id, transport)
  }

  addServer(server: Server, accept: Accept): void {
    this.#servers.set(server.id, { server, accept })
  }

  /** Resolves when the protocol of `id` has heard `connectionMade`; rejects when the daemon is lost before. */
  made(id: number): Promise<void> {
    return new Promise((resolve, reject) => this.#opening.set(id, { resolve, reject }))
  }

  /** Resolves when the splice that reads from `id` has ended; rejects when the daemon is lost before. */
  spliced(id: number): Promise<Spliced> {
    const ended = new Promise<Spliced>((resolve, reject) => this.#splices.set(id, { resolve, reject }))
    // Who asked for the splice may hear of the failure before it waits for the end.
    ended.catch(() => {})
    return ended
  }

  /** It did not come about. */
  notSpliced(id: number): void {
    this.#splices.delete(id)
  }

  forget(id: number): void {
    const stdin = this.#processes.get(id)?.getPipeTransport(0)
    if (stdin) this.#stdins.delete(stdin.id)
    this.#transports.delete(id)
    this.#processes.delete(id)
    this.#datagrams.delete(id)
    this.#servers.delete(id)
    this.#kept.delete(id)
  }

  /** `id` outlives the connection to the daemon. */
  keep(id: number, role: Role = "owner"): void {
    this.#kept.set(id, role)
  }

  /** What outlives the connection: to be attached again. */
  get kept(): Kept[] {
    return [...this.#transports.values(), ...this.#processes.values()].flatMap((transport) => {
      const role = this.#kept.get(transport.id)
      return role === undefined ? [] : [{ transport, role }]
    })
  }

  /** A server's connection, made while nobody heard of it. */
  accepted(made: Made): void {
    this.#made(made)
  }

  /** The servers that outlive the connection. */
  get keptServers(): Server[] {
    return [...this.#servers.values()].map(({ server }) => server).filter(({ id }) => this.#kept.has(id))
  }

  /** Whether somebody stands for the transport `id`. */
  has(id: number): boolean {
    return this.#transports.has(id) || this.#processes.has(id)
  }

  /** The connection to the daemon is over, and everything with it but what is kept. */
  lost(error: Error, { butKept = false }: { butKept?: boolean } = {}): void {
    const goes = ({ id }: { readonly id: number }): boolean => !butKept || !this.#kept.has(id)
    // What was never made is not lost either: whoever asked for it hears of the failure.
    for (const [id, { reject }] of this.#opening) {
      this.forget(id)
      reject(error)
    }
    this.#opening.clear()
    for (const { reject } of this.#splices.values()) reject(error)
    this.#splices.clear()
    for (const transport of this.#transports.values()) if (goes(transport)) transport.cut(error)
    for (const process of this.#processes.values()) if (goes(process)) process.cut(error)
    for (const transport of this.#datagrams.values()) transport.lost(error)
    for (const { server } of this.#servers.values()) if (goes(server)) server.ended()
    for (const { transport } of this.kept) transport.suspend()
  }

  /** Takes a notification of the daemon; unknown ones, of a newer daemon, are ignored. */
  take(name: string, params: unknown): void {
    const notification = { name, params } as Notification
    switch (notification.name) {
      case "protocol/dataReceived":
        return this.#transports.get(notification.params.transport)?.data(bytesOf(notification.params))
      case "transport/flushed": {
        const { transport, offset } = notification.params
        const flushed = this.#transports.get(transport) ?? this.#stdins.get(transport) ?? this.#datagrams.get(transport)
        return flushed?.flushed(offset)
      }
      case "protocol/pipeDataReceived":
        return this.#processes
          .get(notification.params.transport)
          ?.pipeData(notification.params.fd, bytesOf(notification.params))
      case "protocol/connectionMade":
        return this.#made(notification.params)
      case "protocol/eofReceived":
        return this.#transports.get(notification.params.transport)?.eof()
      case "protocol/connectionLost": {
        const { transport, error } = notification.params
        return this.#any(transport)?.lost(lossOf(error))
      }
      case "protocol/pipeConnectionLost": {
        const { transport, fd, error } = notification.params
        return this.#processes.get(transport)?.pipeLost(fd, lossOf(error))
      }
      case "protocol/processExited":
        return this.#processes.get(notification.params.transport)?.exited(notification.params.returncode)
      case "protocol/bytesLost": {
        const { transport, fd, from, to } = notification.params
        if (fd === undefined) return this.#transports.get(transport)?.bytesLost(from, to)
        return this.#processes.get(transport)?.bytesLost(from, to, fd)
      }
      case "transport/detached": {
        const { transport, by } = notification.params
        const error = rpcError("NotOwner", `client ${by} took over transport ${transport}`, { transport })
        this.#servers.get(transport)?.server.ended()
        return (this.#transports.get(transport) ?? this.#processes.get(transport))?.cut(error)
      }
      case "protocol/datagramReceived": {
        const { transport, addr } = notification.params
        return this.#datagrams.get(transport)?.datagram(bytesOf(notification.params), addr)
      }
      case "protocol/datagramsLost":
        return this.#datagrams.get(notification.params.transport)?.missing(notification.params.count)
      case "protocol/errorReceived": {
        const { transport, error } = notification.params
        return this.#datagrams.get(transport)?.error(RpcError.fromWire(error))
      }
      case "transport/spliced": {
        const { from, bytes, error } = notification.params
        this.#splices.get(from)?.resolve({ bytes, error: lossOf(error) })
        return void this.#splices.delete(from)
      }
      case "daemon/event":
        return this.#hear(notification.params)
      case "protocol/pauseWriting":
      case "protocol/resumeWriting":
        // For clients without flow control: this one counts by itself.
        return
    }
  }

  #any(id: number): Transport | SubprocessTransport | DatagramTransport | undefined {
    return this.#transports.get(id) ?? this.#processes.get(id) ?? this.#datagrams.get(id)
  }

  #made(made: Made): void {
    const { transport: id, server } = made
    if (server !== undefined) {
      const accept = this.#servers.get(server)?.accept
      if (this.#kept.has(server)) this.keep(id)
      // Accepted by the daemon before it heard that the server is closed: nobody is there to take it.
      return accept === undefined ? this.#refuse(id) : accept(made)
    }
    this.#any(id)?.made()
    const opening = this.#opening.get(id)
    this.#opening.delete(id)
    opening?.resolve()
  }
}

function lossOf(error: WireError | null): RpcError | null {
  return error === null ? null : RpcError.fromWire(error)
}

function bytesOf({ data, text }: { data?: Uint8Array | string | undefined; text?: string | undefined }): Buffer {
  if (data instanceof Uint8Array) return data as Buffer
  return data === undefined ? Buffer.from(text ?? "") : decodeBase64(data)!
}
