/** Starts processes: environment, directory, and a true reason when it does not work. */
import { spawn as nodeSpawn, type ChildProcess, type SpawnOptions } from "node:child_process"
import { stat } from "node:fs/promises"
import { isAbsolute, resolve } from "node:path"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { isSystemError } from "../failures.ts"
import { mayRun, spawnChild, type SpawnedChild } from "../native/spawn.ts"
import type { Child } from "../transports/process.ts"
import { ChildDescriptors, type DescriptorStore, type ParentEnds, type Preparation } from "./childDescriptors.ts"
import { keepNow } from "./descriptors.ts"
import { findProgram, placesOf } from "./program.ts"

export type ProcessParams = Omit<ParsedParams<"loop/subprocessExec">, "program" | "args" | "options">
/** What every terminal emulator of today understands. */
const DEFAULT_TERM = "xterm-256color"

export type Environment = Readonly<Record<string, string>>

export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

/** A process that runs, with our ends of its pipes. */
export interface Spawned extends ParentEnds {
  readonly child: Child
}

/** What a process is given of the daemon. */
export interface Heritage extends DescriptorStore {
  /** The environment that `env` is added to. */
  readonly environment: Environment
}

/**
 * Starts `command`. Fails with SpawnFailed, with OsFailure for a bad `cwd`, or with InvalidParams for a descriptor that
 * is not there to be given; nothing runs then, and the descriptors stay.
 * Source: asyncio `loop.subprocess_exec`.
 */
export async function spawn(command: Command, params: ProcessParams, heritage: Heritage): Promise<Spawned> {
  keepNow()
  const env = environmentFor(params, heritage.environment)
  let descriptors: ChildDescriptors | undefined
  try {
    descriptors = await ChildDescriptors.open(params, heritage)
    const child =
      startDirectly(command, params, env, descriptors) ?? (await startByNode(command, params, env, descriptors))
    return { child, ...descriptors.started(child) }
  } catch (error) {
    descriptors?.failed()
    throw spawnFailed(command.program, error)
  }
}

/** Null where that is not possible, or did not work out: it is Node's turn then, which also knows what is wrong. */
function startDirectly(
  { program, args }: Command,
  { cwd, uid, gid, processGroup, umask }: ProcessParams,
  env: Environment,
  { stdio, arePlain }: ChildDescriptors,
): SpawnedChild | null {
  if (!arePlain || uid !== undefined || gid !== undefined || env.PATH === undefined) return null
  const path = placesOf(program, env).find((place) => mayRun(isAbsolute(place) ? place : resolve(cwd ?? "", place)))
  if (path === undefined) return null
  return withUmask(umask, () =>
    spawnChild({
      path,
      args: [program, ...args],
      environment: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd,
      stdio: stdio as Array<number | "ignore">,
      leadsSession: processGroup,
    }),
  )
}

async function startByNode(
  command: Command,
  params: ProcessParams,
  env: Environment,
  { stdio, preparation }: ChildDescriptors,
): Promise<Child & ChildProcess> {
  const { cwd, umask } = params
  if (cwd !== undefined) await checkDirectory(cwd)
  const { program, args } = preparation === null ? command : await prepared(command, preparation, env, cwd)
  const child = withUmask(umask, () => nodeSpawn(program, args, { ...options(params, env), stdio }))
  await new Promise((started, failed) => child.once("spawn", started).once("error", failed))
  // A failed kill comes as an event too; its caller has heard of it.
  child.on("error", () => {})
  return child as Child & ChildProcess
}

/** Of the daemon's own terminal, if it has one: they are not the child's. */
const OF_A_TERMINAL = ["TERM", "COLUMNS", "LINES"]

function environmentFor({ env, clearEnv, pty }: ProcessParams, base: Environment): Environment {
  if (clearEnv && env !== undefined && pty === undefined) return env
  const inherited = clearEnv ? {} : base
  if (pty === undefined) return { ...inherited, ...env }
  const { term = env?.TERM ?? DEFAULT_TERM } = pty
  const others = Object.entries(inherited).filter(([name]) => !OF_A_TERMINAL.includes(name))
  return { ...Object.fromEntries(others), ...env, TERM: term }
}

function options({ cwd, uid, gid, processGroup }: ProcessParams, env: Environment): SpawnOptions {
  return {
    env: env as NodeJS.ProcessEnv,
    detached: processGroup,
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  }
}

/** Why the umask is set around it: a child inherits it from this process as it is at the start. */
function withUmask<Started>(umask: number | undefined, start: () => Started): Started {
  const before = umask === undefined ? undefined : process.umask(umask)
  try {
    return start()
  } finally {
    if (before !== undefined) process.umask(before)
  }
}

/** A shell that becomes the program. */
async function prepared(
  { program, args }: Command,
  preparation: Preparation,
  env: Environment,
  cwd?: string,
): Promise<Command> {
  await findProgram(program, env, cwd)
  return { program: "/bin/sh", args: ["-c", preparation.script, "sh", ...preparation.args, program, ...args] }
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
