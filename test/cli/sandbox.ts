/**
 * Runs the built command in a world of its own: own socket, own state, and nothing left of it at the end.
 * Waits for what is said, never for time.
 */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gone } from "../../cli/background.ts"

export const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

export interface Ended {
  /** The exit status; null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: NodeJS.ProcessEnv
}

/** A command that runs. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  stdout = Buffer.alloc(0)
  stderr = ""
  readonly #watchers = new Set<() => void>()

  constructor(child: ChildProcessWithoutNullStreams, { reads = true }: { reads?: boolean } = {}) {
    this.child = child
    // A command that ends before it has read all its input is for the test to judge.
    child.stdin.on("error", () => {})
    if (reads) this.read()
    child.stderr.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString()
      this.#changed()
    })
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => {
        this.#changed()
        resolve({ code, stdout: this.stdout.toString(), stderr: this.stderr })
      })
    })
  }

  /** Starts to read stdout, for a command that was made to wait for it. */
  read(): void {
    const chunks: Buffer[] = []
    this.child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      // Joined once it is asked for or ended: joining every chunk of 10 MB would cost more than the test.
      if (chunks.length === 1) setImmediate(() => this.#join(chunks))
    })
    this.child.stdout.on("end", () => this.#join(chunks))
  }

  /** Resolves to the match once `pattern` was said; rejects when the command ends without. */
  async says(pattern: RegExp, where: "stdout" | "stderr" = "stderr"): Promise<RegExpExecArray> {
    return await this.#until(() => pattern.exec(this[where].toString()), `saying ${pattern}`)
  }

  /** Resolves once it has printed so many bytes; rejects when the command ends without. */
  async prints(bytes: number): Promise<void> {
    await this.#until(() => (this.stdout.length >= bytes ? true : null), `printing ${bytes} bytes`)
  }

  async #until<Result>(look: () => Result | null, what: string): Promise<Result> {
    for (;;) {
      const found = look()
      if (found !== null) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended without ${what}: ${this.stderr}`)
      }
      await new Promise<void>((resolve) => this.#watchers.add(resolve))
      this.#watchers.clear()
    }
  }

  #join(chunks: Buffer[]): void {
    this.stdout = Buffer.concat([this.stdout, ...chunks.splice(0)])
    this.#changed()
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
  }
}

export class Sandbox implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "td-"))
  readonly socket = join(this.folder, "run", "transportd", "transportd.sock")
  readonly env: NodeJS.ProcessEnv
  readonly #running = new Set<Running>()
  /** Processes that are not our children: daemons in the background. */
  readonly #pids = new Set<number>()

  constructor(env: NodeJS.ProcessEnv = {}) {
    const { PATH, LANG } = process.env
    const [runtime, state] = [join(this.folder, "run"), join(this.folder, "state")]
    for (const path of [runtime, state]) mkdirSync(path, { mode: 0o700 })
    this.env = { PATH, LANG, HOME: this.folder, XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: state, ...env }
  }

  /** Starts the command. */
  start(args: readonly string[], { env = {}, reads = true }: RunOptions & { reads?: boolean } = {}): Running {
    return this.startProgram([process.execPath, MAIN, ...args], { env, reads })
  }

  /** Starts any program in this world. */
  startProgram(
    [program, ...args]: readonly [string, ...string[]],
    { env = {}, reads = true, fds = [] }: RunOptions & { reads?: boolean; fds?: readonly (number | "ignore")[] } = {},
  ): Running {
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...this.env, ...env },
      stdio: ["pipe", "pipe", "pipe", ...fds],
    }) as ChildProcessWithoutNullStreams
    const running = new Running(child, { reads })
    this.#running.add(running)
    void running.ended.then(() => this.#running.delete(running))
    return running
  }

  /** Runs the command to its end. */
  async run(args: readonly string[], { input = "", env = {} }: RunOptions = {}): Promise<Ended> {
    const running = this.start(args, { env })
    running.child.stdin.end(input)
    return running.ended
  }

  /** Runs the command with `--json` or any other that prints JSON; fails when it fails. */
  async json<Value = Record<string, unknown>>(args: readonly string[], options?: RunOptions): Promise<Value> {
    const { code, stdout, stderr } = await this.run(args, options)
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout) as Value
  }

  /** An environment where `transportd` is the built command. */
  commandOnPath(): NodeJS.ProcessEnv {
    const bin = join(this.folder, "bin")
    mkdirSync(bin)
    writeFileSync(join(bin, "transportd"), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 })
    return { PATH: `${bin}${delimiter}${this.env.PATH}` }
  }

  /** Starts the daemon in the background. */
  async startDaemon(args: readonly string[] = []): Promise<number> {
    const { pid } = await this.json<{ pid: number }>(["start", "--json", ...args])
    this.watch(pid)
    return pid
  }

  /** Sees to it that process `pid` does not outlive the test. */
  watch(pid: number): void {
    this.#pids.add(pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, ended } of this.#running) {
      child.stdout.destroy()
      child.kill("SIGKILL")
      await ended
    }
    for (const pid of this.#pids) {
      // Gone already is what most tests end with.
      if (await gone(pid, 0)) continue
      process.kill(pid, "SIGTERM")
      if (!(await gone(pid, 10_000))) process.kill(pid, "SIGKILL")
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
