/** Who hears what: from the daemon's notifications to the objects that stand for its transports and servers. */
import { RpcError, type WireError } from "../protocol/errors.ts"
import { decodeBase64 } from "../protocol/base64.ts"
import type { DaemonNotificationName, DaemonNotificationParams } from "../protocol/registry.ts"
import type { SubprocessTransport } from "./process.ts"
import type { Server } from "./server.ts"
import type { Transport } from "./transport.ts"

export type Made = DaemonNotificationParams<"protocol/connectionMade">

/** What a server does with a connection that it accepted. */
type Accept = (made: Made) => void

/** The params of a notification, told apart by its name. */
type Notification = {
  [Name in DaemonNotificationName]: { readonly name: Name; readonly params: DaemonNotificationParams<Name> }
}[DaemonNotificationName]

export class Endpoints {
  readonly #transports = new Map<number, Transport>()
  readonly #processes = new Map<number, SubprocessTransport>()
  /** The process of a pipe to its stdin, which is written to under an id of its own. */
  readonly #stdins = new Map<number, SubprocessTransport>()
  readonly #servers = new Map<number, { readonly server: Server; readonly accept: Accept }>()
  /** Who waits for `connectionMade` of what was asked for. */
  readonly #opening = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()

  addTransport(transport: Transport): void {
    this.#transports.set(transport.id, transport)
  }

  addProcess(process: SubprocessTransport): void {
    this.#processes.set(process.id, process)
    const stdin = process.getPipeTransport(0)
    if (stdin !== null) this.#stdins.set(stdin.id, process)
  }

  addServer(server: Server, accept: Accept): void {
    this.#servers.set(server.id, { server, accept })
  }

  /** Resolves when the protocol of `id` has heard `connectionMade`; rejects when the daemon is lost before. */
  made(id: number): Promise<void> {
    return new Promise((resolve, reject) => this.#opening.set(id, { resolve, reject }))
  }

  forget(id: number): void {
    const stdin = this.#processes.get(id)?.getPipeTransport(0)
    if (stdin) this.#stdins.delete(stdin.id)
    this.#transports.delete(id)
    this.#processes.delete(id)
    this.#servers.delete(id)
  }

  /** The connection to the daemon is over, and everything with it. */
  lost(error: Error): void {
    // What was never made is not lost either: whoever asked for it hears of the failure.
    for (const [id, { reject }] of this.#opening) {
      this.forget(id)
      reject(error)
    }
    this.#opening.clear()
    for (const transport of this.#transports.values()) transport.lost(error)
    for (const process of this.#processes.values()) process.lost(error)
    for (const { server } of this.#servers.values()) server.ended()
  }

  /** Takes a notification of the daemon; unknown ones, of a newer daemon, are ignored. */
  take(name: string, params: unknown): void {
    const notification = { name, params } as Notification
    switch (notification.name) {
      case "protocol/dataReceived":
        return this.#transports.get(notification.params.transport)?.data(bytesOf(notification.params))
      case "transport/flushed": {
        const { transport, offset } = notification.params
        return (this.#transports.get(transport) ?? this.#stdins.get(transport))?.flushed(offset)
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
        return (this.#transports.get(transport) ?? this.#processes.get(transport))?.lost(lossOf(error))
      }
      case "protocol/pipeConnectionLost": {
        const { transport, fd, error } = notification.params
        return this.#processes.get(transport)?.pipeLost(fd, lossOf(error))
      }
      case "protocol/processExited":
        return this.#processes.get(notification.params.transport)?.exited(notification.params.returncode)
      case "protocol/pauseWriting":
      case "protocol/resumeWriting":
        // For clients without flow control: this one counts by itself.
        return
    }
  }

  #made(made: Made): void {
    const { transport: id, server } = made
    if (server !== undefined) return this.#servers.get(server)?.accept(made)
    ;(this.#transports.get(id) ?? this.#processes.get(id))?.made()
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
