/**
 * Is this body a JSON-RPC message, and if not, what is its sender told?
 * Pure. Knows JSON-RPC 2.0 and our caps; knows neither methods nor what their params mean, nor how bodies are framed.
 */
import { isUtf8 } from "node:buffer"
import type { Message } from "vscode-jsonrpc/node"
import { decodeBase64 } from "../base64.ts"
import { rpcError, type RpcError } from "../errors.ts"
import { MAX_REQUEST_ID_BYTES } from "../limits.ts"
import { nestsDeeperThan } from "./nesting.ts"

/** A request id as we accept it: a safe integer, or a string of at most `MAX_REQUEST_ID_BYTES`. */
export type MessageId = string | number

/** The answer that a bad message gets: `id` is its own when it has a usable one. */
export interface Rejection {
  readonly error: RpcError
  readonly id: MessageId | null
}

/** `dropped` is a malformed response: nobody may answer a response. */
export type Verdict =
  | { readonly kind: "message"; readonly message: Message }
  | ({ readonly kind: "rejected" } & Rejection)
  | { readonly kind: "dropped" }

const DROPPED: Verdict = { kind: "dropped" }

/** Base64 below this is read with the rest: only more of it is worth a look of its own. */
const LARGE_BYTES = 2 * 1024

/** How much may stand before `data` and behind it: a transport and an offset need less than 100. */
const MAX_AROUND_BYTES = 1024

const DATA_MEMBER = '"data":"'
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * As {@link judgeBody}, but large base64 in `params.data` comes as bytes: the sender could have sent a byte message, and
 * both mean the same. 64 KiB take 30 µs so, and 110 µs where `JSON.parse` makes a string of them first.
 * @param memory where the bytes are to be; without, or when it is too small, they have memory of their own.
 */
export function judgeDataBody(body: Buffer, maxNesting: number, memory?: Buffer): Verdict {
  return withDataApart(body, maxNesting, memory) ?? judgeBody(body, maxNesting)
}

/**
 * Undefined whenever there is the least doubt that the first `"data":"` is that of `params`, the only one, and followed
 * by valid base64: what stands around it has no escapes then, so that no name is hidden in one.
 */
function withDataApart(body: Buffer, maxNesting: number, memory?: Buffer): Verdict | undefined {
  if (body.length < LARGE_BYTES) return undefined
  const from = body.subarray(0, MAX_AROUND_BYTES).indexOf(DATA_MEMBER) + DATA_MEMBER.length
  if (from < DATA_MEMBER.length) return undefined
  const to = body.indexOf(QUOTE, from)
  if (to - from < LARGE_BYTES || body.length - to > MAX_AROUND_BYTES) return undefined
  const around = Buffer.concat([body.subarray(0, from), body.subarray(to)])
  if (around.includes(BACKSLASH) || around.indexOf('"data"', from) !== -1) return undefined
  const base64 = body.toString("latin1", from, to)
  const data = decodeBase64(base64, memory)
  if (data === null) return undefined
  const verdict = judgeBody(around, maxNesting)
  if (verdict.kind !== "message") return undefined
  const { params } = verdict.message as { params?: { data?: unknown } | null }
  if (params?.data !== "") return undefined
  params.data = data
  return verdict
}

/**
 * Judges one whole body. Never throws, and no part of the body gets into an error's message.
 * ParseError (id null): invalid UTF-8, nesting over `maxNesting`, invalid JSON. InvalidRequest: any other shape that is
 * neither request, notification nor response. Accepted: `params` an object, an array, null or absent; further members.
 */
export function judgeBody(body: Buffer, maxNesting: number): Verdict {
  if (!isUtf8(body)) return unparsable("the body is not valid UTF-8")
  if (nestsDeeperThan(maxNesting, body)) return unparsable(`the body nests deeper than ${maxNesting} levels`)
  let value: unknown
  try {
    // A key "__proto__" becomes an own property here and sets no prototype. It stays harmless as long as unvalidated
    // objects are never merged by assignment (`Object.assign`, `target[key] = …`); object spread, which the code
    // behind us uses, defines own properties too.
    value = JSON.parse(body.toString("utf8"))
  } catch {
    return unparsable("the body is not valid JSON")
  }
  if (Array.isArray(value)) return invalid("batches are not supported", null)
  if (typeof value !== "object" || value === null) return invalid("the message is no object", null)
  return judgeObject(value as Record<string, unknown>)
}

function judgeObject(value: Record<string, unknown>): Verdict {
  // Anything with a method is meant as a request or notification, whatever else it holds: so vscode-jsonrpc reads it.
  const isResponse = value.method === undefined && (value.result !== undefined || value.error !== undefined)
  if (isResponse) return isValidResponse(value) ? accepted(value) : DROPPED
  const id = isUsableId(value.id) ? value.id : null
  const flaw = flawOfRequest(value)
  return flaw === undefined ? accepted(value) : invalid(flaw, id)
}

/** What keeps `value` from being a request or notification, or undefined. */
function flawOfRequest(value: Record<string, unknown>): string | undefined {
  const { jsonrpc, id, method, params } = value
  if (jsonrpc !== "2.0") return '`jsonrpc` must be "2.0"'
  if (method === undefined) return "neither `method` nor `result` nor `error` is present"
  if (typeof method !== "string") return "`method` must be a string"
  if (id !== undefined && !isUsableId(id)) {
    return `\`id\` must be a safe integer or a string of at most ${MAX_REQUEST_ID_BYTES} bytes`
  }
  if (params !== undefined && typeof params !== "object") return "`params` must be an object, an array, null or absent"
  return undefined
}

function isValidResponse({ jsonrpc, id, result, error }: Record<string, unknown>): boolean {
  if (jsonrpc !== "2.0") return false
  if (error === undefined) return isUsableId(id)
  // A null id is how a peer answers what it could not read; such an answer always is an error.
  return result === undefined && isErrorObject(error) && (id === null || isUsableId(id))
}

function isErrorObject(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false
  const { code, message } = error as Record<string, unknown>
  return Number.isSafeInteger(code) && typeof message === "string"
}

function isUsableId(id: unknown): id is MessageId {
  return typeof id === "string" ? Buffer.byteLength(id) <= MAX_REQUEST_ID_BYTES : Number.isSafeInteger(id)
}

function accepted(value: Record<string, unknown>): Verdict {
  return { kind: "message", message: value as unknown as Message }
}

function unparsable(reason: string): Verdict {
  return { kind: "rejected", error: rpcError("ParseError", reason), id: null }
}

function invalid(reason: string, id: MessageId | null): Verdict {
  return { kind: "rejected", error: rpcError("InvalidRequest", reason), id }
}
