/**
 * Every error that crosses the wire: its code, its name and what it tells.
 * The code says what the client can do about it; the message is for people.
 * Knows nothing of where errors come from: `daemon/failures.ts` turns what Node says into these.
 */

/** One row per code. To add an error, add a row: types, the reference page and both ends follow from it. */
export const ERRORS = {
  ParseError: { code: -32700, meaning: "the bytes are no message", data: [] },
  InvalidRequest: { code: -32600, meaning: "JSON, but no valid request, notification or response", data: [] },
  MethodNotFound: { code: -32601, meaning: "no such request", data: ["method"] },
  InvalidParams: { code: -32602, meaning: "the params do not fit the request", data: ["issues"] },
  InternalError: { code: -32603, meaning: "a bug in the daemon: please report it", data: ["requestId"] },
  NotInitialized: { code: -32002, meaning: "`initialize` must come first", data: [] },
  RequestCancelled: { code: -32800, meaning: "the client cancelled the request", data: [] },
  VersionUnsupported: { code: 1001, meaning: "no protocol version in common", data: ["offered", "supported"] },
  ShuttingDown: { code: 1002, meaning: "the daemon or this connection is ending", data: [] },
  LimitExceeded: { code: 1003, meaning: "a bound is reached", data: ["limit", "used", "unit"] },
  Unauthenticated: { code: 1004, meaning: "a token is needed and was missing or wrong", data: [] },
  PermissionDenied: { code: 1005, meaning: "the policy forbids it", data: ["rule", "target"] },
  UnknownTransport: { code: 1101, meaning: "no transport, server or service of that id or name", data: ["transport"] },
  TransportClosed: { code: 1102, meaning: "this side closed it", data: ["transport"] },
  TransportBroken: {
    code: 1103,
    meaning: "the remote or the network ended it",
    data: ["transport", "errno", "reason", "syscall"],
  },
  TransportBusy: { code: 1104, meaning: "another operation is using it", data: ["operation"] },
  NotSupported: { code: 1105, meaning: "this kind of transport cannot do that", data: ["kind", "operation"] },
  NameTaken: { code: 1106, meaning: "another transport has that name", data: ["name"] },
  NotOwner: { code: 1107, meaning: "another client owns it", data: ["transport"] },
  OsFailure: { code: 1201, meaning: "the system refused", data: ["errno", "syscall", "address", "port", "path"] },
  ResolveFailed: { code: 1202, meaning: "the name has no address", data: ["host", "reason"] },
  TimedOut: { code: 1203, meaning: "it took longer than allowed", data: ["operation", "timeoutMs"] },
  WindowExceeded: { code: 1301, meaning: "more was sent than the window granted", data: ["granted", "sent"] },
  TlsHandshakeFailed: { code: 1401, meaning: "no TLS session came about", data: ["reason"] },
  CertificateRejected: { code: 1402, meaning: "the certificate was not accepted", data: ["reason", "subject"] },
  SpawnFailed: { code: 1501, meaning: "the program could not be started", data: ["file", "errno"] },
  NoSuchProcess: { code: 1502, meaning: "the process has ended", data: ["pid"] },
} as const satisfies Record<string, { code: number; meaning: string; data: readonly string[] }>

/** The name of a row of {@link ERRORS}. */
export type ErrorName = keyof typeof ERRORS

/** The shape of every error on the wire, in responses and in `connectionLost`. */
export interface WireError {
  readonly code: number
  readonly message: string
  readonly data?: Readonly<Record<string, unknown>> | undefined
}

const nameByCode = new Map<number, ErrorName>(
  Object.entries(ERRORS).map(([name, row]) => [row.code, name as ErrorName]),
)

/** The name of `code`, or undefined when the table has no such row (a newer daemon, another server). */
export function errorName(code: number): ErrorName | undefined {
  return nameByCode.get(code)
}

/** An error of the table, thrown by handlers in the daemon and by every method of the client library. */
export class RpcError extends Error {
  /** The row's name, or `UnknownError` for a code that the table does not have. */
  override readonly name: ErrorName | "UnknownError"
  readonly code: number
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: number, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = errorName(code) ?? "UnknownError"
    this.code = code
    this.data = data
  }

  /** What the system called it (`ECONNREFUSED`), where the system said anything. */
  get errno(): string | undefined {
    return typeof this.data.errno === "string" ? this.data.errno : undefined
  }

  toWire(): WireError {
    const { code, message, data } = this
    return Object.keys(data).length === 0 ? { code, message } : { code, message, data }
  }

  static fromWire(error: WireError): RpcError {
    return new RpcError(error.code, error.message, error.data)
  }
}

/** An {@link RpcError} of the row `name`. `data` carries the fields that the row lists. */
export function rpcError<Name extends ErrorName>(
  name: Name,
  message: string,
  data: { readonly [Field in (typeof ERRORS)[Name]["data"][number]]?: unknown } = {},
): RpcError {
  return new RpcError(ERRORS[name].code, message, data)
}

/** Whether `error` is an {@link RpcError} of the row `name`. */
export function isRpcError(error: unknown, name: ErrorName): error is RpcError {
  return error instanceof RpcError && error.name === name
}
