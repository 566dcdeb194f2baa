/**
 * A socket of one client on which it hands descriptors over, of any kind: one line of JSON with each, answered by one
 * line. Its directory lets nobody else in, and goes with it.
 *
 * A line and its descriptor are matched by their order, so where they cannot be matched the connection ends: what came
 * last is closed then, and what came before stays.
 */
import { closeSync, mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { rpcError } from "../../protocol/errors.ts"
import { MAX_DESCRIPTOR_CONNECTIONS, MAX_DESCRIPTOR_LINE_BYTES } from "../../protocol/limits.ts"
import { openFailure } from "../failures.ts"
import { canReceiveRights, RightsReceiver, type Arrival } from "../native/rights.ts"
import type { NodeHandle } from "../transports/descriptor.ts"
import type { ClientDescriptors } from "./clientDescriptors.ts"
import { handOver, type Receipt } from "./handOver.ts"
import { listening } from "./socketFile.ts"
import { checkSocketPath } from "./socketPath.ts"

export class DescriptorSocket {
  readonly path: string
  readonly #folder: string
  readonly #server: Server
  readonly #descriptors: ClientDescriptors
  readonly #connections = new Set<Connection>()

  private constructor(folder: string, descriptors: ClientDescriptors) {
    this.#folder = folder
    this.path = join(folder, "descriptors.sock")
    this.#descriptors = descriptors
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket))
  }

  /** Fails with NotSupported where there is no way to receive descriptors, or with OsFailure. */
  static async open(descriptors: ClientDescriptors): Promise<DescriptorSocket> {
    if (!canReceiveRights()) {
      const message = "descriptors can be received on a socket only on Linux, with the optional package koffi"
      throw rpcError("NotSupported", message, { operation: "descriptorSocket" })
    }
    let folder: string | undefined
    try {
      // Why sync: the umask is now and then another one, while a socket is bound.
      folder = mkdtempSync(join(tmpdir(), "transportd-"))
      const opened = new DescriptorSocket(folder, descriptors)
      checkSocketPath(opened.path)
      await listening(opened.#server, { path: opened.path })
      return opened
    } catch (error) {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      throw openFailure(error)
    }
  }

  close(): void {
    this.#server.close()
    for (const connection of this.#connections) connection.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #accept(socket: Socket): void {
    const { _handle: handle } = socket as unknown as { readonly _handle: NodeHandle | null }
    try {
      if (handle === null || this.#connections.size >= MAX_DESCRIPTOR_CONNECTIONS) return
      const connection = new Connection(handle.fd, this.#descriptors, () => this.#connections.delete(connection))
      this.#connections.add(connection)
    } catch {
      // No descriptor is left for it: the client finds it closed.
    } finally {
      socket.destroy()
    }
  }
}

class Connection {
  readonly #receiver: RightsReceiver
  readonly #descriptors: ClientDescriptors
  readonly #ended: () => void
  /** The beginning of a line, and the descriptor that came with it. */
  #text = ""
  #fds: number[] = []

  constructor(fd: number, descriptors: ClientDescriptors, ended: () => void) {
    this.#descriptors = descriptors
    this.#ended = ended
    this.#receiver = new RightsReceiver(fd, {
      arrived: (arrival) => this.#take(arrival),
      ended: () => this.close(),
    })
  }

  close(): void {
    this.#receiver.close()
    for (const fd of this.#fds.splice(0)) closeSync(fd)
    this.#ended()
  }

  #take({ bytes, fds, truncated }: Arrival): void {
    this.#fds.push(...fds)
    const lines = (this.#text + bytes.toString("latin1")).split("\n")
    this.#text = lines.pop() as string
    const pending = this.#fds.length - lines.length
    if (truncated || fds.length > 1 || pending < 0 || pending > 1) {
      return this.#refuse("expected one descriptor with each line")
    }
    if (this.#text.length > MAX_DESCRIPTOR_LINE_BYTES) {
      return this.#refuse(`expected lines of at most ${MAX_DESCRIPTOR_LINE_BYTES} bytes`)
    }
    for (const line of lines) {
      const fd = this.#fds.shift()
      // Closed by an answer that nobody read.
      if (fd === undefined) return
      this.#answer(handOver(parsed(line), { fd }, this.#descriptors))
    }
  }

  #refuse(message: string): void {
    this.#answer({ descriptor: null, error: rpcError("InvalidParams", message).toWire() })
    this.close()
  }

  /** Who does not read the answers sends nothing more: they must not pile up. */
  #answer(receipt: Receipt): void {
    if (!this.#receiver.send(`${JSON.stringify(receipt)}\n`)) this.close()
  }
}

/** Undefined for what is no JSON. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(Buffer.from(line, "latin1").toString())
  } catch {
    return undefined
  }
}
