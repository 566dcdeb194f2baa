/**
 * The callback grammar of `docs/protocol.md`, checked on all that a client gets. Built into the test client, so that no
 * test can forget it.
 *
 *     connectionMade (dataReceived* eofReceived?) connectionLost
 *     connectionMade (pipeDataReceived | pipeConnectionLost | processExited)* connectionLost
 *     connectionMade (datagramReceived | errorReceived | datagramsLost)* connectionLost
 *
 * Beside the order: every message fits its declaration, ids are never used twice, `pauseWriting` and `resumeWriting`
 * alternate, the answer that names a transport comes before it, each request is answered once, and -32603 never comes.
 */
import { errorName } from "../../protocol/errors.ts"
import { declarations } from "../../protocol/registry.ts"

const byName = new Map(declarations.map((declaration) => [declaration.name, declaration]))

type Params = Record<string, unknown>

interface Track {
  readonly process: boolean
  readonly endpoint: boolean
  readonly openPipes: Set<number>
  /** Which writer was told to pause: a pipe, or the stream itself as -1. */
  readonly paused: Set<number>
  readonly flushed: Map<number, number>
  exited: boolean
  eof: boolean
  lost: boolean
  /** Whether another client took it over: what it was joined to may still tell of it. */
  detached?: boolean
}

/** What all clients of one daemon share: ids belong to the daemon. */
export class IdLedger {
  readonly used = new Set<number>()
}

/** Follows one client's connection. */
export class Grammar {
  readonly violations: string[] = []
  readonly trace: string[] = []
  readonly #ledger: IdLedger
  readonly #flowControl: () => boolean
  readonly #tracks = new Map<number, Track>()
  readonly #pipes = new Map<number, { transport: number; fd: number }>()
  /** Named by an answer, and not made yet. */
  readonly #promised = new Set<number>()
  readonly #servers = new Set<number>()
  readonly #asked = new Map<string, string>()

  constructor(ledger: IdLedger, flowControl: () => boolean) {
    this.#ledger = ledger
    this.#flowControl = flowControl
  }

  /** The transports that were made and are not lost. */
  get live(): number[] {
    return [...this.#tracks].filter(([, track]) => !track.lost).map(([id]) => id)
  }

  asked(id: string | number, method: string): void {
    this.#asked.set(key(id), method)
  }

  /** An answer came. `id` null: the daemon could not read something. */
  answered(id: string | number | null, result: unknown, error?: { code: number; message: string }): void {
    this.trace.push(`answer ${JSON.stringify(id)} ${brief(error ?? result)}`)
    if (error !== undefined) this.#checkError(error, `answer ${JSON.stringify(id)}`)
    if (id === null) return
    const method = this.#asked.get(key(id))
    this.#asked.delete(key(id))
    if (error !== undefined) return
    if (method !== undefined) this.#checkResult(method, result)
    // The methods of raw bytes are not known here, hence the look at the shape.
    const { transport, server, writeWindowBytes, sockets, serving } = (result ?? {}) as Params
    if (sockets !== undefined && (serving === undefined || method === "server/attach"))
      this.#servers.add(server as number)
    // A transport that changes to TLS has been made long ago.
    if (writeWindowBytes === undefined || method === "loop/startTls") return
    if ((result as Params).channels !== undefined) this.#attached(result as Params)
    else this.#promise(transport as number)
  }

  notified(method: string, params: Params): void {
    this.trace.push(`${method} ${brief(params)}`)
    if (method.startsWith("$/")) return
    const declaration = byName.get(method)
    if (declaration?.kind !== "notification" || declaration.sender !== "daemon") {
      return this.#violate(`the daemon sends ${method}, which is not declared for it`)
    }
    const parsed = declaration.params.safeParse(params)
    if (!parsed.success) return this.#violate(`${method} does not fit its declaration: ${parsed.error.message}`)
    if (method.startsWith("daemon/")) return
    // A server has no callbacks of its own but this one.
    if (method === "transport/detached" && this.#servers.delete(params.transport as number)) return
    if (method === "protocol/connectionMade") this.#made(params)
    else if (method === "transport/spliced") this.#spliced(params.from as number)
    else this.#event(method, params)
  }

  #promise(transport: number): void {
    if (this.#tracks.has(transport))
      this.#violate(`connectionMade of ${transport} comes before the answer that names it`)
    this.#promised.add(transport)
  }

  /** An attached transport was made before: its callbacks go on, its pipes all end once more for this client. */
  #attached({ transport, kind, pipes }: Params): void {
    const openPipes = new Set<number>()
    for (const [fd, pipe] of Object.entries((pipes ?? {}) as Record<string, number>)) {
      openPipes.add(Number(fd))
      this.#pipes.set(pipe, { transport: transport as number, fd: Number(fd) })
    }
    const process = kind === "subprocess" || kind === "pty"
    const endpoint = kind === "udp"
    const none = {
      paused: new Set<number>(),
      flushed: new Map<number, number>(),
      exited: false,
      eof: false,
      lost: false,
    }
    this.#tracks.set(transport as number, { process, endpoint, openPipes, ...none })
  }

  #made({ transport, kind, server, pipes }: Params): void {
    const id = transport as number
    if (this.#ledger.used.has(id)) this.#violate(`id ${id} is used twice`)
    this.#ledger.used.add(id)
    if (server === undefined && !this.#promised.has(id))
      this.#violate(`connectionMade of ${id} comes before its answer`)
    if (server !== undefined && !this.#servers.has(server as number)) {
      this.#violate(`connectionMade of ${id} names server ${server as number}, which no answer has named`)
    }
    const openPipes = new Set<number>()
    for (const [fd, pipe] of Object.entries((pipes ?? {}) as Record<string, number>)) {
      openPipes.add(Number(fd))
      this.#pipes.set(pipe, { transport: id, fd: Number(fd) })
      if (this.#ledger.used.has(pipe)) this.#violate(`id ${pipe} is used twice`)
      this.#ledger.used.add(pipe)
    }
    const process = kind === "subprocess" || kind === "pty"
    const endpoint = kind === "udp"
    this.#tracks.set(id, {
      process,
      endpoint,
      openPipes,
      paused: new Set(),
      flushed: new Map(),
      exited: false,
      eof: false,
      lost: false,
    })
  }

  /** Told before the end of where it came from. */
  #spliced(from: number): void {
    const track = this.#tracks.get(from)
    if (track?.lost === true && track.detached !== true) this.#violate(`spliced of ${from} after its connectionLost`)
  }

  #event(method: string, params: Params): void {
    const pipe = this.#pipes.get(params.transport as number)
    const id = pipe?.transport ?? (params.transport as number)
    const fd = (params.fd as number | undefined) ?? pipe?.fd ?? -1
    const track = this.#tracks.get(id)
    const name = method.slice(method.indexOf("/") + 1)
    if (track === undefined) return this.#violate(`${name} of ${id}, which was never made`)
    if (track.lost) return this.#violate(`${name} of ${id} after its connectionLost`)
    const flaw = this.#step(track, name, fd, params)
    if (flaw !== null) this.#violate(`${name} of ${id}: ${flaw}`)
  }

  #step(track: Track, name: string, fd: number, params: Params): string | null {
    switch (name) {
      case "dataReceived":
        if (track.process || track.endpoint) return "of what is no stream"
        if (track.eof) return "after eofReceived"
        return isEmpty(params) ? "empty" : null
      case "eofReceived":
        if (track.process || track.endpoint) return "of what is no stream"
        if (track.eof) return "twice"
        track.eof = true
        return null
      case "datagramReceived":
      case "datagramsLost":
        return track.endpoint ? null : "of what is no datagram endpoint"
      case "errorReceived":
        this.#checkError(params.error as { code: number; message: string }, "an error received")
        return track.endpoint ? null : "of what is no datagram endpoint"
      case "pipeDataReceived":
        if (!track.openPipes.has(fd)) return `of descriptor ${fd}, which is not open`
        return isEmpty(params) ? "empty" : null
      case "pipeConnectionLost":
        return track.openPipes.delete(fd) ? this.#checkLoss(params) : `of descriptor ${fd}, which is not open`
      case "processExited":
        if (!track.process || track.exited) return "not of a running process"
        track.exited = true
        return null
      case "pauseWriting":
        if (this.#flowControl()) return "to a client with flow control"
        if (track.paused.has(fd)) return "while paused"
        track.paused.add(fd)
        return null
      case "resumeWriting":
        return track.paused.delete(fd) ? null : "while not paused"
      case "bytesLost":
        return (params.from as number) < (params.to as number) ? null : "an empty range"
      case "detached":
        track.detached = true
        track.lost = true
        return null
      case "flushed":
        return this.#flush(track, fd, params.offset as number)
      case "connectionLost":
        track.lost = true
        if (track.process && !track.exited) return "before processExited"
        if (track.openPipes.size > 0) return `while descriptors ${[...track.openPipes].join(", ")} are open`
        return this.#checkLoss(params)
      default:
        return "unknown"
    }
  }

  #flush(track: Track, fd: number, offset: number): string | null {
    if (!this.#flowControl()) return "to a client without flow control"
    const before = track.flushed.get(fd) ?? 0
    track.flushed.set(fd, offset)
    return offset > before ? null : `${offset} after ${before}`
  }

  #checkLoss({ error }: Params): null {
    if (error !== null) this.#checkError(error as { code: number; message: string }, "a loss")
    return null
  }

  #checkError({ code, message }: { code: number; message: string }, where: string): void {
    if (code === -32603) this.#violate(`${where} is an internal error: ${message}`)
    if (errorName(code) === undefined) this.#violate(`${where} has code ${code}, which the table does not have`)
    if (message === "") this.#violate(`${where} has an empty message`)
  }

  #checkResult(method: string, result: unknown): void {
    const declaration = byName.get(method)
    if (declaration?.kind !== "request") return
    const parsed = declaration.result.safeParse(result)
    if (!parsed.success) this.#violate(`the result of ${method} does not fit its declaration: ${parsed.error.message}`)
  }

  #violate(what: string): void {
    this.violations.push(what)
    this.trace.push(`^^^ ${what}`)
  }
}

function isEmpty({ data, text }: Params): boolean {
  return ((data ?? text) as string | Uint8Array).length === 0
}

function key(id: string | number): string {
  return `${typeof id}:${id}`
}

/** A line of the trace: what it was, not all of it. */
function brief(value: unknown): string {
  const { data } = (value ?? {}) as Params
  // Not left to the replacer: by then a Buffer has been made an array of numbers.
  const short = data instanceof Uint8Array ? { ...(value as Params), data: `${data.length} bytes` } : value
  const text = JSON.stringify(short, (_key, each: unknown) =>
    typeof each === "string" && each.length > 100 ? `${each.length} characters` : each,
  )
  return text === undefined ? "" : text.slice(0, 400)
}
