/**
 * The descriptors that one client may take, and how a request does: what it handed over, by name, and what the daemon
 * inherited, by number. What it handed over is nobody else's, is bounded, and is closed with it unless something was
 * made of it. Knows nothing of the ways on which descriptors come.
 */
import { closeSync } from "node:fs"
import { rpcError } from "../../protocol/errors.ts"
import { DESCRIPTOR_WAIT_MS, MAX_HANDED_DESCRIPTORS } from "../../protocol/limits.ts"
import type { Clock } from "../clock.ts"
import type { DescriptorSource } from "../transports/descriptor.ts"
import { checkedKind, type DescriptorKind, type Descriptors } from "./descriptors.ts"

/** How a request names a descriptor. */
export type DescriptorRef = number | string

/** A descriptor that is the taker's: to make something of, to give back, or to close. */
export interface Taken<Kind extends DescriptorKind = DescriptorKind> extends DescriptorSource {
  readonly ref: DescriptorRef
  readonly kind: Kind
  /** Undoes the taking: nothing came of it. */
  giveBack(): void
  /** Closes it. For what has been passed on: a child has one of its own. */
  close(): void
}

/** Closes what nobody made anything of. */
export function closeSource({ fd, handle }: DescriptorSource): void {
  if (handle === undefined) closeSync(fd)
  else handle.close()
}

export class ClientDescriptors {
  readonly #inherited: Descriptors
  readonly #clock: Clock
  readonly #handed = new Map<string, DescriptorSource>()
  /** Who is told that `name` has come, or that nothing comes any more. */
  readonly #waiting = new Set<(name: string | null) => void>()
  #ended = false

  constructor(inherited: Descriptors, clock: Clock) {
    this.#inherited = inherited
    this.#clock = clock
  }

  /**
   * Keeps a descriptor that the client handed over until a request takes it.
   * Throws NameTaken, LimitExceeded, or ShuttingDown when the client is gone; the descriptor is closed then.
   */
  add(name: string, source: DescriptorSource): void {
    try {
      this.#checkRoom(name)
    } catch (error) {
      closeSource(source)
      throw error
    }
    this.#keep(name, source)
  }

  /**
   * Takes the descriptor that `ref` names; a name that has not come yet is waited for.
   * Fails with InvalidParams when it does not come, was not inherited or is taken already, and when it is of no kind in
   * `wanted`: then it stays. Aborted: RequestCancelled.
   */
  async take<Kind extends DescriptorKind>(
    ref: DescriptorRef,
    wanted: readonly Kind[],
    signal: AbortSignal,
  ): Promise<Taken<Kind>> {
    if (typeof ref === "number") {
      const kind = this.#inherited.take(ref, wanted)
      const giveBack = (): void => this.#inherited.giveBack(ref)
      return { ref, fd: ref, kind, giveBack, close: () => closeSync(ref) }
    }
    if (!this.#handed.has(ref)) await this.#arrival(ref, signal)
    const source = this.#handed.get(ref)
    if (source === undefined) throw neverCame(ref)
    const kind = checkedKind(source.fd, ref, wanted)
    this.#handed.delete(ref)
    return { ...source, ref, kind, giveBack: () => this.#takeBack(ref, source), close: () => closeSource(source) }
  }

  /** The client is gone: what nothing was made of is closed, and so is what still comes. */
  end(): void {
    this.#ended = true
    for (const source of this.#handed.values()) closeSource(source)
    this.#handed.clear()
    for (const heard of this.#waiting) heard(null)
  }

  #checkRoom(name: string): void {
    if (this.#ended) throw rpcError("ShuttingDown", "the client of this descriptor is gone")
    if (this.#handed.has(name)) {
      throw rpcError("NameTaken", `a descriptor named ${name} is waiting already; choose another name`, { name })
    }
    const used = this.#handed.size
    if (used < MAX_HANDED_DESCRIPTORS) return
    const message = `${used} descriptors were handed over and not taken, which is all there may be`
    throw rpcError("LimitExceeded", message, { limit: MAX_HANDED_DESCRIPTORS, used, unit: "descriptors" })
  }

  #takeBack(name: string, source: DescriptorSource): void {
    if (this.#ended || this.#handed.has(name)) closeSource(source)
    else this.#keep(name, source)
  }

  #keep(name: string, source: DescriptorSource): void {
    this.#handed.set(name, source)
    for (const heard of this.#waiting) heard(name)
  }

  /** Resolves when it has come, or is waited for no longer. */
  #arrival(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel()
        this.#waiting.delete(heard)
        signal.removeEventListener("abort", onAbort)
      }
      const done = (): void => {
        stop()
        resolve()
      }
      const heard = (come: string | null): void => {
        if (come === name || come === null) done()
      }
      const onAbort = (): void => {
        stop()
        reject(rpcError("RequestCancelled", `the wait for descriptor ${name} was cancelled`))
      }
      const cancel = this.#clock.after(DESCRIPTOR_WAIT_MS, done)
      this.#waiting.add(heard)
      signal.addEventListener("abort", onAbort)
      if (signal.aborted) onAbort()
    })
  }
}

function neverCame(name: string): Error {
  const message =
    `no descriptor named ${name} was handed over within ${DESCRIPTOR_WAIT_MS} ms: ` +
    "send it over the channel that the daemon was started with, or over a daemon/descriptorSocket"
  return rpcError("InvalidParams", message)
}
