/**
 * What a transport is to the rest of the daemon: a thing that owns one descriptor and reports what happens to it.
 * Transports know nothing of JSON-RPC, ids or clients; numbers such as water marks are somebody else's business.
 *
 *     open ──close()──▶ closing (flushing) ──▶ lost
 *       │                    │
 *       ├──abort()───────────┴──────────────▶ lost
 *       └──remote or system ends it ────────▶ lost
 */

/** What a stream reports, in the order in which it happened. Never called from inside a method of the stream. */
export interface StreamEvents {
  /** Bytes came. Never empty. Their memory is used again after this call: who needs them longer copies them. */
  data(chunk: Buffer): void
  /** The remote sends no more. At most once; no data follows. */
  eof(): void
  /** `bytes` more were handed to the system; once per turn at most. */
  flushed(bytes: number): void
  /** The end: exactly once, nothing follows. Null after `close`, `abort` and a regular end of the remote. */
  lost(error: Error | null): void
}

/** One open byte stream, in one direction or both. */
export interface StreamTransport {
  /** Whether it can be read from, written to. */
  readonly readable: boolean
  readonly writable: boolean
  /** Whether it can end its writing side and be read on. */
  readonly canWriteEof: boolean
  /** True from `close()` or `abort()` on. */
  readonly isClosing: boolean
  /** True after `writeEof()`. */
  readonly wroteEof: boolean

  /** Starts to read. Before the first call nothing is read, so nothing can come too early. */
  resumeReading(): void
  /** No more `data`, `eof` or loss of the remote until `resumeReading()`. */
  pauseReading(): void
  /** Takes a copy of bytes: their memory is the caller's again. After `close`, `abort`, `writeEof` or the end: dropped. */
  write(chunk: Uint8Array): void
  /** Ends the writing side after flushing. Again, after `close`, and where that is not possible: no effect. */
  writeEof(): void
  /** Flushes, then ends. No `data` follows. */
  close(): void
  /** Ends at once. No `data` follows. */
  abort(): void
}

/** What a process reports beside what its pipes report. */
export interface ProcessEvents {
  /** It ended; exactly once. `returncode` is asyncio's: the exit status, or minus the number of the signal. */
  exited(returncode: number, signal: NodeJS.Signals | null): void
}

/** What `transport/getExtraInfo` knows, by name. */
export type Extra = Readonly<Record<string, unknown>>
