/** One-way streams: named pipes, terminals, and descriptors that exist already. */
import { z } from "zod"
import { request } from "./declare.ts"
import { CONNECT_TIMEOUT_MS } from "./limits.ts"
import { Descriptor, DurationMs, HALF_A_CHARACTER, isWhole, Opened, Options } from "./primitives.ts"

const Path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes("\0"), "must not contain a NUL")
  .refine(isWhole, HALF_A_CHARACTER)

const source = {
  path: Path.optional().meta({ description: "a named pipe or a terminal" }),
  fd: Descriptor.optional(),
}

function oneOf({ path, fd }: { path?: string | undefined; fd?: unknown }): boolean {
  return (path === undefined) !== (fd === undefined)
}

const ONE_OF = "expected either `path` or `fd`"
const errors = ["OsFailure", "InvalidParams", "NameTaken", "LimitExceeded"] as const

export const connectReadPipe = request("loop/connectReadPipe", {
  since: "0.1.0",
  summary:
    "Reads from a named pipe, a terminal or a descriptor that exists. A named pipe is opened at once, whether or not somebody writes. Its end is `eofReceived`, then `connectionLost`, whatever `onEof` says.",
  params: z.object({ ...source, options: Options }).refine(oneOf, ONE_OF),
  result: Opened,
  errors,
  example: {
    params: { path: "/tmp/in" },
    result: { transport: 10, kind: "pipe", extra: { pipe: { path: "/tmp/in" } }, writeWindowBytes: 1_048_576 },
  },
})

export const connectWritePipe = request("loop/connectWritePipe", {
  since: "0.1.0",
  summary:
    "Writes to a named pipe, a terminal or a descriptor that exists. A named pipe opens once somebody reads it, up to `timeoutMs`. `writeEof` is its close. When the reader goes it is lost, with EPIPE if something was still to be written.",
  params: z
    .object({ ...source, timeoutMs: DurationMs.default(CONNECT_TIMEOUT_MS), options: Options })
    .refine(oneOf, ONE_OF),
  result: Opened,
  errors: [...errors, "TimedOut", "RequestCancelled"],
  example: {
    params: { path: "/tmp/out" },
    result: { transport: 11, kind: "pipe", extra: { pipe: { path: "/tmp/out" } }, writeWindowBytes: 1_048_576 },
  },
})
