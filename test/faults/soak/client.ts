/**
 * A client of the soak: writes what the salt of a stream tells, checks what comes against it, keeps to its windows and
 * sees that the daemon does. The grammar of callbacks is checked by the raw client below.
 */
import type { RawClient, Answer, Notification } from "../../support/client.ts"
import { bytesAt, fits, isDatagram, type Way } from "./bytes.ts"

const WINDOW_BYTES = 256 * 1024
const WRITE_WINDOW_BYTES = 1024 * 1024

/** What is read of one stream, or of one pipe of a process. */
interface Reading {
  /** The id that consumption is reported for. */
  readonly channel: number
  /** Null: nobody knows what it says, only how much. */
  readonly salt: number | null
  /** A process says what was written to it. */
  readonly way: Way
  position: number
  /** Up to where the daemon may send. */
  granted: number
  /** Nothing came since it was attached: then what was dropped before may lie below. */
  fresh: boolean
}

/** What this client writes to. */
export interface Writing {
  readonly channel: number
  readonly salt: number
  written: number
  flushed: number
  paused: boolean
}

export interface Endpoint {
  readonly transport: number
  readonly kind: string
  readonly role: "owner" | "observer"
  readonly writing: Writing | null
  readonly readings: Map<number | undefined, Reading>
}

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly extra: Record<string, { readonly port?: number } | null | undefined>
  readonly pid?: number
  readonly pipes?: Record<string, number>
  readonly channels?: ReadonlyArray<{ id: number; fd?: number; offset: number; written: number; flushed: number }>
}

/** What is known of a transport before it is opened or attached. */
export interface Opening {
  readonly role: "owner" | "observer"
  /** Whether both ends can tell what it carries. */
  readonly salted: boolean
  /** Whether a server of the daemon accepted it. */
  readonly accepted: boolean
}

/** Codes that only a mistake brings: of this client, or of the daemon. */
const MISTAKES = new Set([-32_700, -32_600, -32_602, -32_603, 1_301])

export class SoakClient {
  readonly raw: RawClient
  readonly endpoints = new Map<number, Endpoint>()
  /** What it let go: what was on its way then may still come. */
  readonly detached = new Set<number>()
  /** It reads nothing at all. */
  stalled = false
  /** It has said that it goes. */
  left = false
  /** Reports what it got; false: a slow reader, for a while. */
  consumes = true
  readonly #flaw: (what: string) => void
  /** By the id of the request. */
  readonly #opening = new Map<number, Opening>()
  #seen = 0

  constructor(raw: RawClient, flaw: (what: string) => void) {
    this.raw = raw
    this.#flaw = (what) => flaw([what, ...this.#storyOf(what)].join("\n"))
    raw.consumes = false
    // Looks at all that comes, for ever.
    raw.until(() => this.#read()).catch(() => {})
  }

  /** Asks; null when the daemon says no, in a way that it may. */
  async ask<Result>(method: string, params: object): Promise<Result | null> {
    if (this.left) return null
    const answer = await Promise.race([
      this.raw.ask(method, params),
      this.raw.closed.then((): Answer => ({ id: null })),
    ])
    const { error, result } = answer
    if (error !== undefined && MISTAKES.has(error.code)) this.#flaw(`${method}: ${JSON.stringify(error)}`)
    return error === undefined ? ((result ?? null) as Result | null) : null
  }

  notify(method: string, params: object): void {
    if (!this.left && !this.raw.isClosed) this.raw.notify(method, params)
  }

  /** Opens with `method`; what comes of it is followed from the answer on. */
  async open(method: string, params: object, how: Opening): Promise<void> {
    if (this.left) return
    const id = this.raw.nextId()
    this.#opening.set(id, how)
    await Promise.race([this.raw.ask(method, params, id), this.raw.closed])
  }

  /** Writes up to `bytes` more, as far as there is room. */
  write({ writing }: Endpoint, bytes: number, withOffset: boolean): void {
    if (writing === null || writing.paused) return
    const outstanding = this.raw.flowControl ? writing.written - writing.flushed : 0
    const room = WRITE_WINDOW_BYTES - outstanding
    const data = bytesAt("to the remote", writing.salt, writing.written, Math.min(bytes, room))
    if (data.length === 0) return
    // With an offset, a part that was sent before makes no difference.
    const again = withOffset ? Math.min(writing.written, 100) : 0
    const offset = writing.written - again
    const whole = again === 0 ? data : Buffer.concat([bytesAt("to the remote", writing.salt, offset, again), data])
    writing.written += data.length
    const params = { transport: writing.channel, data: whole }
    this.notify("transport/write", withOffset ? { ...params, offset } : params)
  }

  stall(): void {
    this.stalled = true
    this.raw.stall()
  }

  goOn(): void {
    this.stalled = false
    this.raw.resume()
    this.catchUp()
  }

  leave(): void {
    this.goOn()
    void this.ask("shutdown", {})
    this.raw.notify("exit")
    this.left = true
    this.raw.end()
  }

  /** Reports all that it had kept to itself. */
  catchUp(): void {
    this.consumes = true
    for (const { readings } of this.endpoints.values()) for (const reading of readings.values()) this.#consumed(reading)
  }

  #read(): false {
    for (; this.#seen < this.raw.received.length; this.#seen++) {
      const each = this.raw.received[this.#seen]!
      if ("method" in each) this.#notified(each)
      else this.#answered(each)
    }
    return false
  }

  #answered({ id, result, error }: Answer): void {
    const opening = typeof id === "number" ? this.#opening.get(id) : undefined
    if (opening === undefined) return
    this.#opening.delete(id as number)
    if (error === undefined) this.#follow(result as Opened, opening)
    else if (MISTAKES.has(error.code)) this.#flaw(`opening or attaching: ${JSON.stringify(error)}`)
  }

  #follow(opened: Opened, { role, salted, accepted }: Opening): void {
    const { transport, kind, extra, pid, pipes, channels = [] } = opened
    const salt = pid ?? (accepted ? extra.peername?.port : extra.sockname?.port) ?? null
    const at = (fd?: number): { offset: number; written: number; flushed: number } =>
      channels.find((channel) => channel.fd === fd) ?? { offset: 0, written: 0, flushed: 0 }
    const readings = new Map<number | undefined, Reading>()
    const read = (fd: number | undefined, channel: number): void => {
      const { offset } = at(fd)
      const granted = this.raw.flowControl ? offset + WINDOW_BYTES : Number.POSITIVE_INFINITY
      const way = fd === undefined ? "from the remote" : "to the remote"
      readings.set(fd, { channel, salt: salted ? salt : null, way, position: offset, granted, fresh: true })
    }
    if (pipes === undefined && kind !== "udp") read(undefined, transport)
    for (const [fd, channel] of Object.entries(pipes ?? {})) if (fd !== "0") read(Number(fd), channel)
    const writable = role === "owner" && salted && salt !== null && kind !== "udp"
    const { written, flushed } = at(pipes === undefined ? undefined : 0)
    const channel = pipes === undefined ? transport : (pipes[0] ?? transport)
    // Attached once more to what it owns: what it wrote since it asked is not in the answer.
    const sent = Math.max(written, this.endpoints.get(transport)?.writing?.written ?? 0)
    const writing = writable ? { channel, salt, written: sent, flushed, paused: false } : null
    this.detached.delete(transport)
    this.endpoints.set(transport, { transport, kind, role, writing, readings })
  }

  #notified({ method, params }: Notification): void {
    if (method === "protocol/connectionMade" && params.server !== undefined) {
      return this.#follow(params as unknown as Opened, { role: "owner", salted: true, accepted: true })
    }
    const id = params.transport as number
    const endpoint = this.endpoints.get(id)
    switch (method) {
      case "protocol/dataReceived":
      case "protocol/pipeDataReceived":
        return this.#took(id, endpoint?.readings.get(params.fd as number | undefined), params)
      case "protocol/bytesLost":
        return this.#missed(id, endpoint?.readings.get(params.fd as number | undefined), params)
      case "protocol/datagramReceived":
        if (!isDatagram(bytesOf(params))) this.#flaw("a datagram is not what was sent")
        return
      case "transport/flushed": {
        const writing = this.#writingOf(id)
        if (writing === undefined) return
        writing.flushed = params.offset as number
        if (writing.flushed > writing.written) this.#flaw(`${id}: more was flushed than was written`)
        return
      }
      case "protocol/pauseWriting":
      case "protocol/resumeWriting":
        if (endpoint?.writing) endpoint.writing.paused = method === "protocol/pauseWriting"
        return
      case "transport/detached":
        return void this.endpoints.delete(id)
      case "protocol/connectionLost":
        return void this.endpoints.delete(id)
    }
  }

  #took(id: number, reading: Reading | undefined, params: Record<string, unknown>): void {
    if (reading === undefined && this.detached.has(id)) return
    if (reading === undefined) return this.#flaw(`${id}: bytes of what is not followed`)
    const data = bytesOf(params)
    const { salt, way, position } = reading
    reading.fresh = false
    reading.position += data.length
    if (salt !== null && !fits(way, salt, position, data)) this.#flaw(`${id}: wrong bytes at ${position}`)
    if (reading.position > reading.granted) {
      this.#flaw(`${id}: ${reading.position} bytes were sent where ${reading.granted} were granted`)
    }
    if (this.consumes) this.#consumed(reading)
  }

  #missed(id: number, reading: Reading | undefined, { from, to }: Record<string, unknown>): void {
    if (reading === undefined && this.detached.has(id)) return
    if (reading === undefined) return this.#flaw(`${id}: a loss of what is not followed`)
    const begins = reading.fresh ? (from as number) <= reading.position : from === reading.position
    if (!begins) this.#flaw(`${id}: lost from ${from as number}, but ${reading.position} is where it stood`)
    // What is lost is no debt: the window moves with it.
    reading.granted += Math.max(0, (to as number) - reading.position)
    reading.position = Math.max(reading.position, to as number)
    reading.fresh = false
    if (this.consumes) this.#consumed(reading)
  }

  #consumed(reading: Reading): void {
    if (!this.raw.flowControl) return
    reading.granted = Math.max(reading.granted, reading.position + WINDOW_BYTES)
    this.notify("transport/consumed", { transport: reading.channel, offset: reading.position })
  }

  /** What came of the transport that a flaw begins with. */
  #storyOf(what: string): string[] {
    const [, id] = /^(\d+):/.exec(what) ?? []
    if (id === undefined) return []
    const about = new RegExp(`"transport":${id}[,}]`)
    return this.raw.grammar.trace
      .filter((line) => about.test(line))
      .slice(-12)
      .map((line) => `  ${line.slice(0, 160)}`)
  }

  #writingOf(channel: number): Writing | undefined {
    for (const { writing } of this.endpoints.values()) if (writing?.channel === channel) return writing
    return undefined
  }
}

function bytesOf({ data }: Record<string, unknown>): Buffer {
  return data instanceof Uint8Array ? (data as Buffer) : Buffer.from(data as string, "base64")
}
