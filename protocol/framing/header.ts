/**
 * The header block of one frame: finding its end, reading it strictly, building it.
 * Pure functions over bytes and strings. Knows neither streams nor bodies, and of JSON only the `Params` line.
 * Whatever throws here throws a ParseError that ends the connection: after a bad header nothing says where
 * the next frame starts, and guessing is how one message is smuggled inside another.
 */
import { rpcError, type RpcError } from "../errors.ts"
import { nestsDeeperThan } from "./nesting.ts"

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const TILDE = 0x7e
const BYTES_TYPE = "application/octet-stream"

/** What a header block says about the body behind it. */
export interface FrameHeader {
  /** Length of the body in bytes. */
  readonly contentLength: number
  /** Present when the body is the `data` of a notification; absent when the body is JSON. */
  readonly byteMessage: ByteMessageHeader | undefined
}

/** Method and params of a byte message; `params` is fresh and has no `data` yet. */
export interface ByteMessageHeader {
  readonly method: string
  readonly params: Record<string, unknown>
}

/**
 * Where the header block that begins at `start` ends.
 * `from` is where to go on looking (everything before it was looked at in an earlier call), `end` where the bytes end.
 * Returns the offset just behind the empty line, or -1 when the block is not complete yet.
 * Throws ParseError at the first byte that no header block may hold (LF without CR, CR without LF, a control or
 * non-ASCII byte, a line that begins with no letter), so that a peer with another framing is told at once.
 */
export function findHeaderEnd(bytes: Uint8Array, start: number, from: number, end: number): number {
  // The block's first byte stands where a line starts, so it is treated as if an LF came before it.
  let previous = from > start ? bytes[from - 1]! : LF
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!
    if (byte === LF) {
      if (previous !== CR) throw badHeader("a line must end with CR LF")
      if (at - 1 === start || bytes[at - 2] === LF) return at + 1
    } else if (previous === CR) {
      throw badHeader("a line must end with CR LF")
    } else if (previous === LF && byte !== CR && !isLetter(byte)) {
      throw badHeader("a line begins with no field name; is the other side using newline framing?")
    } else if (byte > TILDE || (byte < SPACE && byte !== CR && byte !== TAB)) {
      throw badHeader("only printable ASCII is allowed")
    }
    previous = byte
  }
  return -1
}

/**
 * Reads a complete header block, its empty line included, as {@link findHeaderEnd} delimits it.
 * Names are accepted in any case, spaces around values are dropped (RFC 9112 §5), unknown fields are ignored.
 * Throws ParseError for a line that is no field, for a field given twice, for a `Content-Length` that is missing, not
 * decimal or over `maxMessageBytes`, and for a byte message with a missing `Method` or with `Params` that are no JSON
 * object, nest deeper than `maxNesting`, or hold a `data` of their own (two candidates for one value).
 */
export function parseHeader(block: string, maxMessageBytes: number, maxNesting: number): FrameHeader {
  let contentLength: string | undefined
  let contentType: string | undefined
  let method: string | undefined
  let params: string | undefined
  for (let at = 0, lineEnd = 0; (lineEnd = block.indexOf("\r\n", at)) > at; at = lineEnd + 2) {
    const colon = block.indexOf(":", at)
    if (colon === -1 || colon > lineEnd) throw badHeader("a line is no `Name: value`")
    const name = block.slice(at, colon).toLowerCase()
    const value = block.slice(colon + 1, lineEnd).trim()
    if (name === "content-length") contentLength = once(name, contentLength, value)
    else if (name === "content-type") contentType = once(name, contentType, value)
    else if (name === "method") method = once(name, method, value)
    else if (name === "params") params = once(name, params, value)
    else if (!isFieldName(name)) throw badHeader("a line is no `Name: value`")
  }
  return {
    contentLength: bodyLength(contentLength, maxMessageBytes),
    byteMessage: isBytesType(contentType) ? byteMessageHeader(method, params, maxNesting) : undefined,
  }
}

/** How a header block begins that {@link HeaderCache} knows, and what it knows: the first line without its number. */
const LENGTH_FIELD = Buffer.from("Content-Length: ", "latin1")

/** Longer ones are not kept: they hold more than numbers, and hardly come twice. */
const MAX_KNOWN_BYTES = 256
const MAX_KNOWN = 2048

/**
 * Headers of byte messages that came before: but for the length each is that of the message before it on the same
 * transport. To find one costs 0.3 µs, to read it as if it were new 1.6 µs, and a small message takes about 5 µs in all.
 * Only what {@link parseHeader} has accepted is found here.
 */
export class HeaderCache {
  readonly #maxMessageBytes: number
  /** By all that stands behind the length. */
  readonly #known = new Map<string, { readonly method: string; fresh(): Record<string, unknown> }>()
  /** Where the header ends that was found last. */
  endOfLast = 0

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /** The header that begins at `start`, if it is whole and known. */
  find(bytes: Buffer, start: number): FrameHeader | undefined {
    if (this.#known.size === 0) return undefined
    let at = start
    for (let index = 0; index < LENGTH_FIELD.length; index++, at++) {
      if (bytes[at] !== LENGTH_FIELD[index]) return undefined
    }
    let contentLength = 0
    const digitsAt = at
    for (let digit = 0; (digit = bytes[at]! - 0x30) >= 0 && digit <= 9; at++) contentLength = contentLength * 10 + digit
    if (at === digitsAt || contentLength > this.#maxMessageBytes) return undefined
    const end = endOfBlock(bytes, at, Math.min(bytes.length, at + MAX_KNOWN_BYTES))
    if (end === -1) return undefined
    const known = this.#known.get(bytes.toString("latin1", at, end))
    if (known === undefined) return undefined
    this.endOfLast = end
    return { contentLength, byteMessage: { method: known.method, params: known.fresh() } }
  }

  /** Keeps what was read of a block. */
  add(block: string, { byteMessage }: FrameHeader): void {
    if (byteMessage === undefined || !block.startsWith("Content-Length: ")) return
    const behind = block.slice(block.indexOf("\r\n"))
    const { method, params } = byteMessage
    const fresh = behind.length > MAX_KNOWN_BYTES ? undefined : makerOf(params)
    if (fresh === undefined) return
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(behind, { method: internalized(method), fresh })
  }
}

/** The one string of that content that V8 keeps: to compare it with a literal is to compare two pointers then. */
function internalized(text: string): string {
  return Object.keys({ [text]: true })[0] as string
}

/**
 * What makes params like these, each time new, for whoever gets them may change them.
 * Undefined for what is not so plain: members that are objects, but for a flat `addr`.
 */
function makerOf(params: Readonly<Record<string, unknown>>): (() => Record<string, unknown>) | undefined {
  const { addr, ...others } = params
  if (!isFlat(others)) return undefined
  const make = copierOf(params)
  if (typeof addr !== "object" || addr === null) return make
  if (Array.isArray(addr) || !isFlat(addr as Record<string, unknown>)) return undefined
  const makeAddr = copierOf(addr as Record<string, unknown>)
  return () => {
    const copy = make()
    copy.addr = makeAddr()
    return copy
  }
}

/** Whether all members have values that nobody can change, and names that can be assigned to. */
function isFlat(object: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(object).every(([name, value]) => typeof value !== "object" && name !== "__proto__")
}

/**
 * Why not a spread: what is added to it later, `data` for one, gives every object its own hidden class in Node 20. These
 * are made among the old, where V8 looks at its limit each time: of 1 GB in bodies of 64 KiB, counted with the memory of
 * the bodies, it made 110 full collections, and without them 30.
 */
function copierOf(original: Readonly<Record<string, unknown>>): () => Record<string, unknown> {
  const members = Object.entries(original)
  const [first, second] = members
  if (first?.[0] === "transport" && members.length === 1) return () => ({ transport: first[1], data: undefined })
  if (first?.[0] === "transport" && second?.[0] === "fd" && members.length === 2) {
    return () => ({ transport: first[1], fd: second[1], data: undefined })
  }
  return () => {
    const copy: Record<string, unknown> = {}
    for (const [name, value] of members) copy[name] = value
    return copy
  }
}

/** Just behind the first empty line; -1 when there is none before `limit`. */
function endOfBlock(bytes: Uint8Array, from: number, limit: number): number {
  for (let at = from; at + 3 < limit; at++) {
    if (bytes[at] === CR && bytes[at + 2] === CR && bytes[at + 3] === LF && bytes[at + 1] === LF) return at + 4
  }
  return -1
}

/** The whole header block in front of a JSON body of `bodyBytes` bytes. */
export function jsonHeader(bodyBytes: number): string {
  return `Content-Length: ${bodyBytes}\r\n\r\n`
}

/**
 * What a byte message's header block holds between the length and the params: constant per method, so worth keeping.
 * Returns undefined when `method` cannot stand in a header line; such a notification has to travel as JSON.
 */
export function byteHeaderMiddle(method: string): string | undefined {
  if (method === "" || method !== method.trim() || !isPrintableAscii(method)) return undefined
  return `\r\nContent-Type: ${BYTES_TYPE}\r\nMethod: ${method}\r\nParams: `
}

/** The whole header block of a byte message; `middle` is what {@link byteHeaderMiddle} gave for its method. */
export function byteHeader(bodyBytes: number, middle: string, params: object): string {
  return `Content-Length: ${bodyBytes}${middle}${paramsLine(params)}\r\n\r\n`
}

/** `params` without its `data` as one line of ASCII JSON. */
function paramsLine(params: object): string {
  return plainParams(params) ?? toAscii(JSON.stringify({ ...params, data: undefined }))
}

/**
 * The same for params that hold nothing but what comes with every chunk or datagram: 0.05 µs, where the copy and its
 * JSON take 0.3 µs.
 */
export function plainParams(params: object): string | undefined {
  let members = ""
  for (const name in params) {
    if (name === "data") continue
    const value = (params as Record<string, unknown>)[name]
    if ((name === "transport" || name === "fd") && Number.isSafeInteger(value)) {
      members += `,"${name}":${value as number}`
    } else if (name === "addr" && typeof value === "object" && value !== null && Object.isFrozen(value)) {
      members += `,"addr":${frozenJson(value)}`
    } else return undefined
  }
  return `{${members.slice(1)}}`
}

const frozen = new WeakMap<object, string>()

/** What cannot change has the same JSON each time: all that one remote sends in a row has one address. */
function frozenJson(value: object): string {
  let json = frozen.get(value)
  if (json === undefined) frozen.set(value, (json = toAscii(JSON.stringify(value))))
  return json
}

/** The same JSON with every non-ASCII character as a \u escape; JSON has such characters only inside strings. */
export function toAscii(json: string): string {
  if (isAscii(json)) return json
  let ascii = ""
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at)
    ascii += unit < TILDE + 1 ? json[at] : `\\u${unit.toString(16).padStart(4, "0")}`
  }
  return ascii
}

function bodyLength(digits: string | undefined, maxMessageBytes: number): number {
  if (digits === undefined) throw badHeader("Content-Length is missing")
  if (digits === "") throw badHeader("Content-Length is no decimal number")
  let length = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) throw badHeader("Content-Length is no decimal number")
    length = length * 10 + digit
  }
  // However many digits there are, the sum only becomes less exact far above any cap, or Infinity.
  if (length > maxMessageBytes) throw badHeader(`Content-Length is over the limit of ${maxMessageBytes} bytes`)
  return length
}

function byteMessageHeader(
  method: string | undefined,
  line: string | undefined,
  maxNesting: number,
): ByteMessageHeader {
  if (method === undefined || method === "") throw badHeader("a byte message needs a Method")
  if (line === undefined) return { method, params: {} }
  if (nestsDeeperThan(maxNesting, line)) throw badHeader(`Params nest deeper than ${maxNesting} levels`)
  let params: unknown
  try {
    params = JSON.parse(line)
  } catch {
    throw badHeader("Params are not valid JSON")
  }
  if (typeof params !== "object" || params === null || Array.isArray(params)) throw badHeader("Params are no object")
  if (Object.hasOwn(params, "data")) throw badHeader("Params hold `data`, which is the body's")
  return { method, params: params as Record<string, unknown> }
}

function once(name: string, before: string | undefined, value: string): string {
  if (before !== undefined) throw badHeader(`${name} is given twice`)
  return value
}

function isBytesType(contentType: string | undefined): boolean {
  if (contentType === undefined) return false
  const semicolon = contentType.indexOf(";")
  const mediaType = semicolon === -1 ? contentType : contentType.slice(0, semicolon).trimEnd()
  return mediaType === BYTES_TYPE || mediaType.toLowerCase() === BYTES_TYPE
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

function isFieldName(lowerCased: string): boolean {
  for (let at = 0; at < lowerCased.length; at++) {
    const unit = lowerCased.charCodeAt(at)
    if (!isLetter(unit) && !(unit >= 0x30 && unit <= 0x39) && unit !== 0x2d && unit !== 0x5f) return false
  }
  return lowerCased.length > 0
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > TILDE) return false
  return true
}

function isPrintableAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < SPACE) return false
  return isAscii(text)
}

function badHeader(reason: string): RpcError {
  return rpcError("ParseError", `bad header: ${reason}`)
}
