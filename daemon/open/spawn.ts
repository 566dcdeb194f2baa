/** Starts processes: environment, directory, pipes, and a true reason when it does not work. */
import { spawn as nodeSpawn, type ChildProcess, type SpawnOptions } from "node:child_process"
import { stat } from "node:fs/promises"
import type { Duplex } from "node:stream"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { isSystemError } from "../failures.ts"
import { findProgram } from "./program.ts"

export type ProcessParams = Omit<ParsedParams<"loop/subprocessExec">, "program" | "args" | "options">
export type Environment = Readonly<Record<string, string>>

export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

/** A process that runs, with the pipes that were asked for. */
export interface Spawned {
  readonly child: ChildProcess & { readonly pid: number }
  readonly pipes: ReadonlyArray<{ readonly fd: 0 | 1 | 2; readonly stream: Duplex }>
}

/**
 * Starts `command`. Fails with SpawnFailed, or with OsFailure for a bad `cwd`; nothing runs then.
 * @param base the environment that `env` is added to.
 * Source: asyncio `loop.subprocess_exec`.
 */
export async function spawn(command: Command, params: ProcessParams, base: Environment): Promise<Spawned> {
  if (params.cwd !== undefined) await checkDirectory(params.cwd)
  const env = params.clearEnv ? { ...params.env } : { ...base, ...params.env }
  const { program, args } = params.stderr === "stdout" ? await joined(command, env, params.cwd) : command
  const child = start(program, args, options(params, env), params.umask)
  await started(child, command.program)
  const streams = [child.stdin, child.stdout, child.stderr] as Array<Duplex | null>
  const pipes = streams.flatMap((stream, fd) => (stream === null ? [] : [{ fd: fd as 0 | 1 | 2, stream }]))
  return { child: child as Spawned["child"], pipes }
}

function options(params: ProcessParams, env: Environment): SpawnOptions {
  const { stdin, stdout, stderr, cwd, uid, gid, processGroup } = params
  const stdio = (how: "pipe" | "null" | "stdout"): "pipe" | "ignore" => (how === "pipe" ? "pipe" : "ignore")
  return {
    env: env as NodeJS.ProcessEnv,
    stdio: [stdio(stdin), stdio(stdout), stdio(stderr)],
    detached: processGroup,
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  }
}

/** Why the umask is set around it: a child inherits it at the fork, which happens inside this call. */
function start(program: string, args: readonly string[], options: SpawnOptions, umask?: number): ChildProcess {
  const before = umask === undefined ? undefined : process.umask(umask)
  try {
    return nodeSpawn(program, args, options)
  } catch (error) {
    throw spawnFailed(program, error)
  } finally {
    if (before !== undefined) process.umask(before)
  }
}

function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve)
    child.once("error", (error) => reject(spawnFailed(program, error)))
  })
}

/** Platform: Node cannot give a child one pipe twice, so a shell does, and then becomes the program: same process id. */
async function joined({ program, args }: Command, env: Environment, cwd?: string): Promise<Command> {
  await findProgram(program, env, cwd)
  return { program: "/bin/sh", args: ["-c", 'exec "$@" 2>&1', "sh", program, ...args] }
}

/** Platform: Node reports a bad directory as a missing program. */
async function checkDirectory(path: string): Promise<void> {
  const errno = await stat(path).then(
    (found) => (found.isDirectory() ? null : "ENOTDIR"),
    (error: NodeJS.ErrnoException) => error.code ?? "EINVAL",
  )
  if (errno !== null) throw rpcError("OsFailure", `cwd ${path}: ${errno}`, { errno, syscall: "chdir", path })
}

function spawnFailed(file: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  const hint = error.code === "ENOENT" ? "no such program" : error.code
  return rpcError("SpawnFailed", `cannot start ${file}: ${hint}`, { file, errno: error.code })
}
