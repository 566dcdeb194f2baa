/** A way to a remote: straight, or through somebody. What is measured sees nothing else. */

export type Target = "echo" | "sink" | "source"

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
  open(target: Target, events: Events): Promise<Line>
  end(): Promise<void>
}

export type Ports = Readonly<Record<Target, number>>
