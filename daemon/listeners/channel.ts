/**
 * Descriptors over the channel that Node gives a child: the socket that `NODE_CHANNEL_FD` names at its start. It is
 * Node's own, so nothing native is needed; what can travel on it is what Node can make a handle of.
 *
 * Platform: Node reads it before any code of ours runs. A terminal, a file or a device that is sent there ends the
 * process (an assertion of Node's), and a socket of any other kind blocks all that come behind it: nothing here can help.
 */
import type { ClientDescriptors } from "../open/clientDescriptors.ts"
import { handOver } from "../open/handOver.ts"
import type { DescriptorSource, NodeHandle } from "../transports/descriptor.ts"

/** What `process` is in a process that was started with a channel. */
export interface ParentChannel {
  on(event: "message", listener: (message: unknown, handle?: unknown) => void): unknown
  off(event: "message", listener: (message: unknown, handle?: unknown) => void): unknown
  send(message: object, handle: undefined, options: undefined, sent: () => void): boolean
  disconnect(): void
  readonly channel: { unref(): void }
}

/** The channel that this process was started with, if it was and the parent still has its end. */
export function parentChannel(): ParentChannel | undefined {
  return process.connected === true ? (process as unknown as ParentChannel) : undefined
}

/**
 * Keeps what comes for the client whose `descriptors` are given, and answers each. The channel keeps nothing alive.
 * The returned function stops it.
 */
export function receiveDescriptors(channel: ParentChannel, descriptors: ClientDescriptors): () => void {
  const take = (message: unknown, handle?: unknown): void => {
    const receipt = handOver(message, sourceOf(handle), descriptors)
    // Who does not read the answers sends nothing more: they must not pile up.
    if (!channel.send(receipt, undefined, undefined, () => {})) channel.disconnect()
  }
  channel.on("message", take)
  channel.channel.unref()
  return () => void channel.off("message", take)
}

/** Null for what Node has begun to use as something: a `net.Socket` in place of the handle under it. */
function sourceOf(handle: unknown): DescriptorSource | null {
  if (typeof handle !== "object" || handle === null) return null
  if ("fd" in handle && typeof handle.fd === "number" && handle.fd >= 0) {
    const owner = handle as NodeHandle
    // Platform: libuv does this to every descriptor that it opens, and takes it for done with those that a channel brings.
    // One that blocks would stop the daemon in the first write that the remote does not read.
    owner.setBlocking?.(false)
    return { fd: handle.fd, handle: owner }
  }
  if ("destroy" in handle) (handle as { destroy(): void }).destroy()
  else (handle as NodeHandle).close()
  return null
}
