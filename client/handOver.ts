/**
 * Hands sockets of this process over to a daemon that it has launched, over the channel that Node keeps with a child.
 * What arrives there and what a request makes of it is the daemon's business.
 */
import type { ChildProcess } from "node:child_process"
import { Socket as DatagramSocket } from "node:dgram"
import { Server, Socket } from "node:net"
import { rpcError, RpcError, type WireError } from "../protocol/errors.ts"

/** What can be handed over. */
export type Transferable = Socket | Server | DatagramSocket

/** What Node has under each of them. */
interface Handle {
  reading?: boolean
  readStop?(): void
  recvStop?(): void
}

interface Waiting {
  resolve(name: string): void
  reject(error: Error): void
}

/** The way to one daemon. */
export class DescriptorChannel {
  readonly #child: ChildProcess
  readonly #waiting = new Map<string, Waiting>()
  #count = 0

  /** @param child was spawned with `"ipc"` in its `stdio`. It does not keep this process alive. */
  constructor(child: ChildProcess) {
    this.#child = child
    child.on("message", (receipt) => this.#settle(receipt as { descriptor: string | null; error?: WireError }))
    child.on("disconnect", () => {
      for (const { reject } of this.#waiting.values()) reject(gone())
      this.#waiting.clear()
    })
    child.channel?.unref()
  }

  /**
   * Resolves with the name under which the daemon has it; it is closed here then, and nothing was read from it.
   * Rejects with InvalidParams for what cannot be handed over, which stays as it is; LimitExceeded, or ShuttingDown when
   * the daemon is gone.
   */
  async send(socket: Transferable): Promise<string> {
    const handle = handleOf(socket)
    const name = `socket-${++this.#count}`
    return await new Promise((resolve, reject) => {
      if (!this.#child.connected) return reject(gone())
      this.#waiting.set(name, { resolve, reject })
      // What comes from now on is for the daemon to read.
      stopReading(handle)
      this.#child.send({ descriptor: name }, handle as Socket, (error) => {
        close(socket)
        if (error === null) return
        this.#waiting.delete(name)
        reject(gone())
      })
    })
  }

  #settle({ descriptor, error }: { descriptor: string | null; error?: WireError }): void {
    const waiting = this.#waiting.get(descriptor ?? "")
    this.#waiting.delete(descriptor ?? "")
    if (error === undefined) waiting?.resolve(descriptor as string)
    else waiting?.reject(RpcError.fromWire(error))
  }
}

function handleOf(socket: Transferable): Handle {
  if (socket instanceof Socket) {
    if ("encrypted" in socket) throw refusal("a TLS session cannot be handed over, only what is under it")
    if (socket.connecting) throw refusal("the socket is not connected yet")
    if (socket.readableLength > 0) throw refusal("the socket was read from: make it with pauseOnConnect")
  }
  if (socket instanceof Server && typeof socket.address() === "string") {
    throw refusal("closing a Unix server here would remove its file: use createUnixServer")
  }
  const handle = socket instanceof DatagramSocket ? stateOf(socket).handle : (socket as { _handle?: Handle })._handle
  if (handle === undefined || handle === null) throw refusal("the socket is not open")
  return handle
}

/** Platform: Node keeps what is under a datagram socket behind this symbol. */
function stateOf(socket: DatagramSocket): { readonly handle: Handle | null } {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol")
  return (socket as unknown as Record<symbol, { readonly handle: Handle | null }>)[symbol as symbol] ?? { handle: null }
}

function stopReading(handle: Handle): void {
  handle.reading = false
  handle.readStop?.()
  handle.recvStop?.()
}

function close(socket: Transferable): void {
  if (socket instanceof Socket) socket.destroy()
  else socket.close()
}

function refusal(why: string): Error {
  return rpcError("InvalidParams", `${why}; nothing was handed over`)
}

function gone(): Error {
  return rpcError("ShuttingDown", "the daemon that the socket was for is gone")
}
