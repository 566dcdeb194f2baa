/** The requests that start processes. */
import { z } from "zod"
import { request } from "./declare.ts"
import { DRAIN_MS, MAX_CHILD_FD } from "./limits.ts"
import {
  Descriptor,
  DurationMs,
  HALF_A_CHARACTER,
  isWhole,
  OpenedProcess,
  Options,
  TerminalSize,
} from "./primitives.ts"

const EnvironmentText = z
  .string()
  .max(131_072)
  .refine((text) => !text.includes("\0"), "must not contain a NUL")
  .refine(isWhole, HALF_A_CHARACTER)

/** Platform: Node hands user and group ids on as 32 bits with a sign. */
const MAX_ID = 2_147_483_647

/** A number is short for `{fd: number}`. In an object, since a descriptor may have any name, `pipe` too. */
const HandedDescriptor = z
  .union([z.int().min(0), z.object({ fd: Descriptor })])
  .transform((wish) => (typeof wish === "number" ? { fd: wish } : wish))

/** In one spelling only: two keys must not name one descriptor. */
function isExtraFd(key: string): boolean {
  return String(Number(key)) === key && Number(key) > 2 && Number(key) <= MAX_CHILD_FD
}

const Pty = z.object({
  ...TerminalSize.shape,
  term: EnvironmentText.optional().meta({
    description: "TERM of the process; absent: that of `env`, or xterm-256color",
  }),
})

/** What both ways of starting a process take. */
const processParams = {
  cwd: EnvironmentText.optional(),
  env: z
    .record(EnvironmentText, EnvironmentText)
    .optional()
    .meta({ description: "added to the daemon's environment, or all there is with `clearEnv`" }),
  clearEnv: z.boolean().default(false),
  umask: z.int().min(0).max(0o777).optional(),
  stdin: z.union([z.enum(["pipe", "null"]), HandedDescriptor]).default("pipe"),
  stdout: z.union([z.enum(["pipe", "null"]), HandedDescriptor]).default("pipe"),
  stderr: z
    .union([z.enum(["pipe", "null", "stdout"]), HandedDescriptor])
    .default("pipe")
    .meta({ description: "`stdout`: the same as stdout" }),
  fds: z
    .record(z.string().regex(/^\d{1,3}$/), Descriptor)
    .default({})
    .refine((fds) => Object.keys(fds).every(isExtraFd), `names numbers from 3 to ${MAX_CHILD_FD}, each once`)
    .meta({
      description: `what else the child has: its numbers, from 3 to ${MAX_CHILD_FD}, and the handed descriptors for them`,
    }),
  pty: Pty.optional().meta({ description: "a terminal in place of the pipes, and a session of its own" }),
  processGroup: z
    .boolean()
    .default(true)
    .meta({ description: "a process group of its own, so that its children end with it" }),
  uid: z.int().min(0).max(MAX_ID).optional(),
  gid: z.int().min(0).max(MAX_ID).optional(),
  drainMs: DurationMs.default(DRAIN_MS).meta({
    description: "after the exit: how long a pipe that a grandchild still holds may stay silent before it is let go",
  }),
  options: Options,
}

/** What a terminal takes the place of. */
function fitsTerminal({
  pty,
  stdin,
  stdout,
  stderr,
  processGroup,
}: z.output<z.ZodObject<typeof processParams>>): boolean {
  return pty === undefined || ([stdin, stdout, stderr].every((wish) => wish === "pipe") && processGroup)
}

const TERMINAL_ALONE = "with `pty` there are no `stdin`, `stdout`, `stderr`, and always a process group"

const processErrors = [
  "SpawnFailed",
  "OsFailure",
  "NameTaken",
  "LimitExceeded",
  "InvalidParams",
  "NotSupported",
] as const
const processResult = {
  transport: 8,
  kind: "subprocess" as const,
  extra: { subprocess: { pid: 4712 } },
  writeWindowBytes: 1_048_576,
  pid: 4712,
  pipes: { 0: 9, 1: 10, 2: 11 },
}

export const subprocessExec = request("loop/subprocessExec", {
  since: "0.1.0",
  summary:
    "Starts a program with arguments, without a shell. The daemon's own descriptors are never given to it. With `pty` its kind is `pty`: pipe 0 is what is typed, pipe 1 what is shown. The answer comes before `protocol/connectionMade`.",
  params: z
    .object({
      program: EnvironmentText.min(1),
      args: z.array(EnvironmentText).max(65_536).default([]),
      ...processParams,
    })
    .refine(fitsTerminal, TERMINAL_ALONE),
  result: OpenedProcess,
  errors: processErrors,
  example: { params: { program: "date", args: ["-u"] }, result: processResult },
})

export const subprocessShell = request("loop/subprocessShell", {
  since: "0.1.0",
  summary: "Starts a command line with `/bin/sh -c`; everything else as `loop/subprocessExec`.",
  params: z.object({ command: EnvironmentText.min(1), ...processParams }).refine(fitsTerminal, TERMINAL_ALONE),
  result: OpenedProcess,
  errors: processErrors,
  example: { params: { command: "date | tr a-z A-Z" }, result: processResult },
})
