/** A way to a remote: straight, or through somebody. What is measured sees nothing else. */

export type Target = "echo" | "sink" | "source"

/** A buffer of one's own is as large as what a socket of Node reads at once. */
export const READ_BYTES = 64 * 1024

/** What comes back from the remote. */
export interface Events {
  data(chunk: Uint8Array): void
  /** After a write that answered false: go on. */
  drain(): void
}

/** One open connection to a remote. */
export interface Line {
  /** False: wait for `drain` before the next, as the way's own flow control wants it. */
  write(data: Uint8Array): boolean
  close(): void
}

export interface Way {
  /** The processes between the client and the remote. */
  readonly pids: readonly number[]
  open(target: Target, events: Events): Promise<Line>
  /** Ends what was started for this way alone. */
  end(): Promise<void>
}

/** Ports of the remote's servers on 127.0.0.1. */
export type Ports = Readonly<Record<Target, number>>
