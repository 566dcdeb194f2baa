/** Every row of the error table is caused for real by a test: a new row needs one, or a reason. */
import { expect, it } from "vitest"
import { ERRORS, type ErrorName } from "../../protocol/errors.ts"
import { read } from "./sources.ts"

/** Where each is caused: the file asserts on its name or its code. */
const CAUSED: Readonly<Partial<Record<ErrorName, string>>> = {
  ParseError: "test/daemon/hostile.framing.test.ts",
  InvalidRequest: "test/daemon/hostile.messages.test.ts",
  MethodNotFound: "test/daemon/hostile.messages.test.ts",
  InvalidParams: "test/daemon/hostile.messages.test.ts",
  NotInitialized: "test/daemon/hostile.messages.test.ts",
  RequestCancelled: "test/daemon/sendfile.test.ts",
  VersionUnsupported: "test/daemon/failures.test.ts",
  ShuttingDown: "test/e2e/cli-stdio.test.ts",
  LimitExceeded: "test/daemon/hostile.floods.test.ts",
  UnknownTransport: "test/daemon/sendfile.test.ts",
  TransportClosed: "test/daemon/sendfile.test.ts",
  TransportBroken: "test/daemon/sendfile.test.ts",
  TransportBusy: "test/daemon/splice.test.ts",
  NotSupported: "test/daemon/splice.test.ts",
  NameTaken: "test/daemon/failures.test.ts",
  NotOwner: "test/daemon/splice.test.ts",
  OsFailure: "test/daemon/sendfile.test.ts",
  ResolveFailed: "test/daemon/names.test.ts",
  TimedOut: "test/daemon/pipe.test.ts",
  WindowExceeded: "test/daemon/failures.test.ts",
  TlsHandshakeFailed: "test/daemon/tls.test.ts",
  CertificateRejected: "test/daemon/tls.test.ts",
  SpawnFailed: "test/daemon/process.test.ts",
  NoSuchProcess: "test/daemon/failures.test.ts",
}

/** What no client can cause, and why. */
const NEVER: Readonly<Partial<Record<ErrorName, string>>> = {
  InternalError: "a bug of the daemon; every test fails where it comes",
  Unauthenticated: "reserved: nothing asks for a token yet",
  PermissionDenied: "reserved: there is no policy yet",
}

it("has each row in one of the two lists", () => {
  expect([...Object.keys(CAUSED), ...Object.keys(NEVER)].toSorted()).toEqual(Object.keys(ERRORS).toSorted())
})

it.each(Object.entries(CAUSED))("%s is asserted in %s", (name, file) => {
  const { code } = ERRORS[name as ErrorName]
  const text = read(file)
  expect(text.includes(`"${name}"`) || new RegExp(`(?<![\\w-])${code}(?![\\w])`).test(text)).toBe(true)
})
