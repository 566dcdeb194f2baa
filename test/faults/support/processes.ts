/**
 * Real processes for fault tests: the built daemon, and small client programs beside it.
 * Each is ended by its own process id; what each needs of the build is found through the package's name.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"

const BUILT = join(dirname(createRequire(import.meta.url).resolve("transportd/package.json")), "dist")

/** A collection on demand: what is compared afterwards is what is held, not what was not yet swept away. */
const COLLECTS = ["--expose-gc", "--import", 'data:text/javascript,process.on("SIGUSR2",()=>globalThis.gc())']

/** A process of a test. */
export class Process {
  readonly child: ChildProcess
  readonly pid: number
  /** Resolves to how it ended: a status, or the name of a signal. */
  readonly ended: Promise<number | string>
  /** What it has said on stderr. */
  said = ""

  constructor(child: ChildProcess) {
    this.child = child
    this.pid = child.pid as number
    child.stderr?.on("data", (chunk: Buffer) => (this.said += chunk.toString()))
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => resolve(code ?? signal ?? "nothing"))
    })
  }

  /** Ends it at once, if it has not ended, and waits until it has. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL")
    await this.ended
  }

  /** Lets it end in order, with its children; by force when that takes too long. */
  async stop(): Promise<void> {
    this.child.kill("SIGTERM")
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 10_000)
    await this.ended
    clearTimeout(timer)
  }
}

/** Starts the built daemon on `socket`; resolves when clients can connect. On SIGUSR2 it collects its garbage. */
export async function startDaemonProcess(socket: string, env: NodeJS.ProcessEnv = {}): Promise<Process> {
  const args = [...COLLECTS, join(BUILT, "cli/main.js"), "serve", "--socket", socket, "--ready-fd", "3"]
  const child = spawn(process.execPath, args, {
    // Short deadlines: what is left to be ended by force costs no seconds.
    env: { PATH: process.env.PATH, TRANSPORTD_CLOSE_DEADLINE_MS: "200", TRANSPORTD_KILL_DEADLINE_MS: "200", ...env },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  })
  const daemon = new Process(child)
  const failed = daemon.ended.then((how) => {
    throw new Error(`the daemon ended with ${how}: ${daemon.said}`)
  })
  await Promise.race([once(child.stdio[3] as Readable, "data"), failed])
  failed.catch(() => {})
  return daemon
}

/** Starts `programs/NAME` with `params` as its argument. */
export function startProgram(name: string, params: object): Process {
  const args = [join(BUILT, "test/faults/programs", `${name}.js`), JSON.stringify(params)]
  return new Process(spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] }))
}

/** What `process` prints, line by line, each a value; rejects when it ends first. */
export function values(of: Process): () => Promise<unknown> {
  const lines = createInterface(of.child.stdout as Readable)[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the program ended with ${await of.ended}: ${of.said}`)
    return JSON.parse(value)
  }
}
