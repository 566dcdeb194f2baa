/**
 * Is this body a JSON-RPC message, and if not, what is its sender told?
 * Pure. Knows JSON-RPC 2.0 and our caps; knows neither methods nor what their params mean, nor how bodies are framed.
 */
import { isUtf8 } from "node:buffer"
import type { Message } from "vscode-jsonrpc/node"
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
