/** The same where the C library cannot be loaded: the optional package is not installed. */
import { vi } from "vitest"
import { startingSuite } from "./starting.ts"

vi.mock("../../daemon/native/libc.ts", () => ({
  libc: () => null,
  declaring: () => () => null,
  isInstalled: () => false,
}))

startingSuite("a program that is started without the C library")
