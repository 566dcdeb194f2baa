/**
 * What every fault test with real processes starts with: `const world = faults()` at the top of its file.
 * A folder, daemons and programs of one test; afterwards each is ended by its id, and a failure prints the seed.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, onTestFailed } from "vitest"
import { randomFor, seed, type Random } from "../../support/random.ts"
import { startDaemonProcess, startProgram, type Process } from "./processes.ts"

export interface World {
  /** A folder of this test. */
  readonly folder: string
  /** The random sequence of the running test. */
  random(): number
  /** A whole number from `from` up to and without `to`. */
  between(from: number, to: number): number
  daemon(socket: string, env?: NodeJS.ProcessEnv): Promise<Process>
  program(name: string, params: object): Process
  /** Something to be done after the test, the last first. */
  cleanup(action: () => unknown): void
}

export function faults(): World {
  let folder = ""
  let random: Random = () => 0
  let cleanups: Array<() => unknown> = []

  beforeEach((context) => {
    random = randomFor(context.task.name)
    onTestFailed(() => console.error(`TEST_SEED=${seed} makes ${JSON.stringify(context.task.name)} run the same again`))
    folder = mkdtempSync(join(tmpdir(), "faults-"))
  })

  afterEach(async () => {
    for (const action of cleanups.reverse()) await action()
    cleanups = []
    rmSync(folder, { recursive: true, force: true })
  })

  return {
    get folder() {
      return folder
    },
    random: () => random(),
    between: (from, to) => from + Math.floor(random() * (to - from)),
    async daemon(socket, env) {
      const daemon = await startDaemonProcess(socket, env)
      cleanups.push(() => daemon.stop())
      return daemon
    },
    program(name, params) {
      const program = startProgram(name, params)
      cleanups.push(() => program.kill())
      return program
    },
    cleanup: (action) => void cleanups.push(action),
  }
}
