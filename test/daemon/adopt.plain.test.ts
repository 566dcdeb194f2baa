/** The same where the C library cannot be loaded: the optional package is not installed. */
import { vi } from "vitest"
import { adoptionSuite } from "./adoption.ts"

vi.mock("../../daemon/native/libc.ts", () => ({
  libc: () => null,
  declaring: () => () => null,
  isInstalled: () => false,
}))

adoptionSuite("a socket that was inherited, without the C library (koffi makes the test's own copies)", false)
