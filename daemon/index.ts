/**
 * The daemon as a value: for the command, for embedding, for tests.
 * Owns what all clients share: the table, the listener, the order in which everything ends.
 */
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import type { Readable, Writable } from "node:stream"
import {
  CHUNK_BYTES,
  MAX_HEADER_BYTES,
  MAX_REQUESTS_IN_FLIGHT,
  READ_WINDOW_BYTES,
  WRITE_WINDOW_BYTES,
} from "../protocol/limits.ts"
import type { ReadMemory } from "../protocol/framing/memory.ts"
import type { Framing, PeerStreams } from "../protocol/peer.ts"
import { Kind } from "../protocol/primitives.ts"
import type { ParsedParams, RequestResult } from "../protocol/registry.ts"
import { PROTOCOL_VERSION, VERSION } from "../protocol/version.ts"
import { DirectWriter } from "../sockets/direct.ts"
import { Client } from "./client.ts"
import { systemClock, type Clock } from "./clock.ts"
import { childEnvironment, Settings } from "./config.ts"
import type { DaemonFace } from "./handlers/context.ts"
import { surroundingsOf } from "./handlers/opening.ts"
import type { Surroundings } from "./hold/holding.ts"
import { Possessions } from "./hold/possessions.ts"
import { Table } from "./hold/table.ts"
import { adoptListener, listenOnUnixSocket, type SocketListener } from "./listeners/unixSocket.ts"
import type { Log } from "./log.ts"
import { mayReceiveRights } from "./native/rights.ts"
import { Descriptors } from "./open/descriptors.ts"
import { hasTerminals } from "./native/terminal.ts"
import { LoopDelay, memoryStatistics, transportStatistics } from "./statistics.ts"
import { Watchers } from "./watchers.ts"

export { defaultSocketPath, inheritedListeners, Settings, settingsFromEnvironment } from "./config.ts"
export type { Client } from "./client.ts"
export { inheritedDescriptors, keepFromChildren } from "./open/descriptors.ts"
export { makeLog, type Log, type LogLevel } from "./log.ts"
export { parentChannel } from "./listeners/channel.ts"
export { serveStdio } from "./listeners/stdio.ts"

export interface DaemonOptions {
  readonly settings?: Partial<Settings>
  readonly clock?: Clock
  readonly log?: Log
  /** What children inherit; by default this process's environment without the daemon's own variables. */
  readonly environment?: Readonly<Record<string, string>>
  /** Open descriptors that clients may ask for by number, each once; by default none. */
  readonly descriptors?: readonly number[]
}

export interface ServeOptions extends Pick<PeerStreams, "memory" | "direct"> {
  readonly framing?: Framing
  /** Whether descriptors come to `client.descriptors` over a channel; the client is told that it can send them there. */
  readonly hasChannel?: boolean
  /** Called with what the client said of itself. */
  initialized?(params: ParsedParams<"initialize">): void
}

/** Makes a daemon that owns nothing yet and listens nowhere. */
export function createDaemon(options: DaemonOptions = {}): Daemon {
  return new Daemon(options)
}

export class Daemon implements DaemonFace {
  readonly table: Table
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string>>
  readonly descriptors: Descriptors
  readonly settings: Settings
  readonly estate: Possessions
  readonly surroundings: Surroundings
  /** Resolves when the daemon has ended: no client, no transport, no process is left. */
  readonly ended: Promise<void>
  readonly #log: Log
  readonly #hasInherited: boolean
  readonly #startId = randomBytes(8).toString("hex")
  readonly #startedMs: number
  readonly watchers = new Watchers()
  readonly #loopDelay = new LoopDelay()
  readonly #clients = new Set<Client>()
  readonly #listeners: SocketListener[] = []
  #lastClientId = 0
  #shuttingDown = false
  #finish = (): void => {}

  constructor({
    settings = {},
    clock = systemClock,
    log = () => {},
    environment = childEnvironment(),
    descriptors,
  }: DaemonOptions) {
    this.settings = Settings.parse(settings)
    this.table = new Table(this.settings.retainClosedBytes)
    this.estate = new Possessions(this.settings.maxKept, null)
    this.clock = clock
    this.surroundings = surroundingsOf(this)
    this.environment = environment
    this.descriptors = new Descriptors(descriptors)
    this.#hasInherited = descriptors !== undefined && descriptors.length > 0
    this.#log = log
    this.#startedMs = clock.nowMs()
    this.ended = new Promise((resolve) => (this.#finish = resolve))
  }

  /** The path that it listens on, if it does. */
  get socketPath(): string | null {
    return this.#listeners[0]?.path ?? null
  }

  /** Serves one client over a pair of streams; they are the daemon's from now on. */
  serve(
    input: Readable,
    output: Writable,
    { framing = "header", hasChannel = false, memory, direct, initialized }: ServeOptions = {},
  ): Client {
    const { settings } = this
    const client = new Client({
      id: ++this.#lastClientId,
      daemon: this,
      streams: { input, output, memory, direct },
      framing,
      hasChannel,
      maxMessageBytes: settings.maxMessageBytes,
      maxTransports: settings.maxTransports,
      deadlines: { closeMs: settings.closeDeadlineMs, killMs: settings.killDeadlineMs },
      hostname: hostname(),
      greeting: this.#greeting(),
      ...(initialized !== undefined && { initialized }),
      bug: (error, method) => this.#bug(error, method),
    })
    this.#clients.add(client)
    this.watchers.announce({ event: "clientConnected", clientId: client.id })
    this.#log("info", "client connected", { client: client.id })
    void client.ended.then(() => {
      this.#clients.delete(client)
      this.watchers.announce({ event: "clientGone", clientId: client.id })
      this.#log("info", "client gone", { client: client.id, ignored: client.ignored })
    })
    return client
  }

  /**
   * Listens on a Unix socket; resolves once clients can connect.
   * @param privateDirectory whether its directory must be ours alone: true for the default place.
   * Fails with OsFailure, EADDRINUSE among them when another daemon listens there.
   */
  async listen(path: string, { privateDirectory = false }: { privateDirectory?: boolean } = {}): Promise<void> {
    this.#listeners.push(
      await listenOnUnixSocket(path, (...accepted) => this.#accept(...accepted), { privateDirectory }),
    )
  }

  /** Listens on a socket that was inherited as descriptor `fd`. */
  async adopt(fd: number): Promise<void> {
    this.#listeners.push(await adoptListener({ fd }, (...accepted) => this.#accept(...accepted)))
  }

  statistics(): RequestResult<"daemon/statistics"> {
    const transports = [...this.table.holdings()].map((holding) => transportStatistics(holding.describe()))
    const { gone } = this.table
    const sum = (count: "receivedBytes" | "writtenBytes"): number =>
      transports.reduce((total, each) => total + each[count], gone[count])
    return {
      uptimeMs: this.clock.nowMs() - this.#startedMs,
      memory: memoryStatistics(),
      eventLoopDelayMs: this.#loopDelay.read(),
      totals: {
        clients: this.#lastClientId,
        transports: gone.transports + transports.length,
        receivedBytes: sum("receivedBytes"),
        writtenBytes: sum("writtenBytes"),
      },
      clients: [...this.#clients].map((client) => client.statistics),
      transports,
    }
  }

  info(): RequestResult<"daemon/info"> {
    return {
      name: "transportd",
      version: VERSION,
      protocolVersion: PROTOCOL_VERSION,
      pid: process.pid,
      startId: this.#startId,
      platform: process.platform,
      nodeVersion: process.version,
      uptimeMs: this.clock.nowMs() - this.#startedMs,
      socket: this.socketPath,
      clients: this.#clients.size,
      ...this.table.counts,
    }
  }

  /** Ends everything: no new clients, what was asked is answered, what is owned is closed, at the deadline by force. */
  shutdown(graceMs = this.settings.closeDeadlineMs): void {
    if (this.#shuttingDown) return
    this.#shuttingDown = true
    this.#log("info", "shutting down", { clients: this.#clients.size })
    const clients = [...this.#clients]
    for (const client of clients) client.leave()
    const stop = this.clock.after(graceMs, () => {
      for (const client of clients) client.destroy()
      for (const holding of this.table.holdings()) holding.abort()
    })
    void Promise.allSettled([
      this.estate.abandon(this.clock, { closeMs: graceMs, killMs: Math.min(graceMs, this.settings.killDeadlineMs) }),
      ...clients.map((client) => client.ended),
      ...this.#listeners.map((listener) => listener.close()),
    ]).then(() => {
      stop()
      this.table.forgetAll()
      this.#loopDelay.stop()
      this.#finish()
    })
  }

  #accept(socket: Readable & Writable, memory: ReadMemory | undefined): void {
    if (this.#shuttingDown || this.#clients.size >= this.settings.maxClients) {
      // A client beyond the bound gets the end at once: an answer would cost what the bound is there to save.
      socket.on("error", () => {}).destroy()
      this.#log("warn", "client refused", { clients: this.#clients.size })
      return
    }
    this.serve(socket, socket, { memory, direct: new DirectWriter(socket) })
  }

  #greeting(): ConstructorParameters<typeof Client>[0]["greeting"] {
    return {
      serverInfo: { name: "transportd", version: VERSION, pid: process.pid, startId: this.#startId },
      capabilities: { kinds: kinds(), descriptors: this.#descriptorWays(), platform: process.platform },
      limits: {
        maxMessageBytes: this.settings.maxMessageBytes,
        maxHeaderBytes: MAX_HEADER_BYTES,
        maxRequestsInFlight: MAX_REQUESTS_IN_FLIGHT,
        maxTransports: this.settings.maxTransports,
        chunkBytes: CHUNK_BYTES,
        readWindowBytes: READ_WINDOW_BYTES,
        writeWindowBytes: WRITE_WINDOW_BYTES,
      },
    }
  }

  #descriptorWays(): RequestResult<"initialize">["capabilities"]["descriptors"] {
    return [
      ...(this.#hasInherited ? (["inherited"] as const) : []),
      ...(mayReceiveRights() ? (["socket"] as const) : []),
    ]
  }

  #bug(error: unknown, method: string): void {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
    this.#log("error", "bug", { method, error: `${name}: ${message}`, stack })
  }
}

/** What this daemon can open. */
function kinds(): Array<(typeof Kind.options)[number]> {
  return Kind.options.filter((kind) => kind !== "pty" || hasTerminals())
}
