/** What ends the command with a sentence: every error on its way to the user passes here, and never with a stack. */
import type { RpcError } from "transportd/client"
import { exitCode, type ExitName } from "./exitCodes.ts"

/** Ends the command: one sentence that says what to do, and a row of the exit table. */
export class Failure extends Error {
  readonly exitName: ExitName

  constructor(exitName: ExitName, sentence: string) {
    super(sentence)
    this.exitName = exitName
  }
}

/** The sentence and the status for whatever was thrown. */
export function explain(error: unknown): { sentence: string; code: number } {
  if (error instanceof Failure) return { sentence: error.message, code: exitCode(error.exitName) }
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  if (isRpcError(error)) return { sentence: message, code: exitCode(exitNameOf(error)) }
  if (name === "ConnectionEnded") {
    return { sentence: `${message}; look at its log, then \`transportd start\``, code: exitCode("unreachable") }
  }
  return { sentence: message, code: exitCode(isDenied(error) ? "permission" : "failure") }
}

/** Why by shape: the class lives in a room that is loaded only when it is needed. */
export function isRpcError(error: unknown): error is RpcError {
  return error instanceof Error && "toWire" in error
}

export function errnoOf(error: unknown): string | undefined {
  if (isRpcError(error)) return error.errno
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === "string" ? code : undefined
}

function exitNameOf(error: RpcError): ExitName {
  if (error.name === "PermissionDenied" || error.name === "Unauthenticated" || isDenied(error)) return "permission"
  if (error.name === "NotOwner") return "permission"
  if (["UnknownTransport", "TransportClosed", "TransportBroken", "NoSuchProcess"].includes(error.name)) {
    return "notRunning"
  }
  return error.name === "TimedOut" ? "timedOut" : "failure"
}

function isDenied(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes(errnoOf(error) ?? "")
}
