/**
 * What every test of the daemon starts with: `const { startDaemon } = setup()` at the top of its file.
 * After each test all daemons end, and the test fails if the callback grammar was broken or anything is left over.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { connect as netConnect } from "node:net"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { afterEach, beforeEach, expect, onTestFailed } from "vitest"
import type { Clock } from "../../daemon/clock.ts"
import { createDaemon, type Daemon, type DaemonOptions } from "../../daemon/index.ts"
import type { Framing } from "../../protocol/framing/reader.ts"
import { RawClient } from "./client.ts"
import { TestClock } from "./clock.ts"
import { IdLedger } from "./grammar.ts"
import { MARK, mark, settledLeaks, takeInventory, type Inventory } from "./leaks.ts"
import { randomFor, seed, type Random } from "./random.ts"
import { wirePair } from "./wire.ts"

export interface StartOptions extends DaemonOptions {
  /** Clients connect over a Unix socket in a temporary folder instead of the wire in memory. */
  readonly socket?: boolean
  /** Whether it is clear that the daemon has a bug on purpose or by force: bugs it reports do not fail the test. */
  readonly mayReportBugs?: boolean
}

export interface ConnectOptions {
  readonly flowControl?: boolean
  readonly byteMessages?: boolean
  readonly framing?: Framing
}

/** A daemon of one test, and the way to its clients. */
export interface TestDaemon {
  readonly daemon: Daemon
  /** A client that has been through `initialize`. */
  connect(options?: ConnectOptions): Promise<RawClient>
  /** A client that has said nothing yet. */
  connectRaw(options?: Pick<ConnectOptions, "framing">): Promise<RawClient>
}

export interface Harness {
  startDaemon(options?: StartOptions): Promise<TestDaemon>
  /** Something to be done after the test, the last first. */
  cleanup(action: () => unknown): void
  /** The random sequence of the running test. */
  random(): number
}

interface Running {
  readonly daemon: Daemon
  readonly clients: RawClient[]
  readonly bugs: string[]
  readonly clock: Clock | undefined
}

export function setup(): Harness {
  let running: Running[] = []
  let cleanups: Array<() => unknown> = []
  let before: Inventory
  let random: Random = () => 0

  beforeEach((context) => {
    random = randomFor(context.task.name)
    onTestFailed(() => console.error(`TEST_SEED=${seed} makes ${JSON.stringify(context.task.name)} run the same again`))
    before = takeInventory()
  })

  afterEach(async () => {
    const flaws: string[] = []
    for (const each of running) flaws.push(...(await endAndJudge(each)))
    running = []
    for (const action of cleanups.reverse()) await action()
    cleanups = []
    flaws.push(...(await settledLeaks(before)).map((leak) => `left over: ${leak}`))
    expect(flaws, flaws.join("\n")).toEqual([])
  })

  return {
    random: () => random(),
    cleanup: (action) => cleanups.push(action),
    async startDaemon({ socket = false, mayReportBugs = false, ...options } = {}) {
      const bugs: string[] = []
      const log: NonNullable<DaemonOptions["log"]> = (level, event, fields) => {
        if (level === "error" && !mayReportBugs) bugs.push(`${event} ${JSON.stringify(fields)}`)
        options.log?.(level, event, fields)
      }
      const environment = { PATH: process.env.PATH ?? "", ...options.environment, [MARK]: mark }
      // Short deadlines: what a test leaves to be ended by force costs no seconds.
      const settings = { closeDeadlineMs: 200, killDeadlineMs: 200, ...options.settings }
      const daemon = createDaemon({ ...options, settings, environment, log })
      const each: Running = { daemon, clients: [], bugs, clock: options.clock }
      running.push(each)
      const open = socket ? await socketDoor(daemon, cleanups) : wireDoor(daemon, () => random())
      return { daemon, ...connecting(each, open) }
    },
  }
}

type Door = (framing: Framing) => Duplex | Promise<Duplex>

function wireDoor(daemon: Daemon, random: Random): Door {
  return (framing) => {
    const [near, far] = wirePair(random)
    daemon.serve(far, far, { framing })
    return near
  }
}

async function socketDoor(daemon: Daemon, cleanups: Array<() => unknown>): Promise<Door> {
  const folder = await mkdtemp(join(tmpdir(), "transportd-"))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, "daemon.sock")
  await daemon.listen(path)
  return async () => {
    const socket = netConnect({ path, allowHalfOpen: true })
    await once(socket, "connect")
    return socket
  }
}

function connecting({ clients }: Running, open: Door): Pick<TestDaemon, "connect" | "connectRaw"> {
  const ledger = new IdLedger()
  const connectRaw = async ({ framing = "header" }: Pick<ConnectOptions, "framing"> = {}): Promise<RawClient> => {
    const client = new RawClient(await open(framing), { ledger, framing })
    clients.push(client)
    return client
  }
  return {
    connectRaw,
    async connect({ flowControl = false, byteMessages = true, framing = "header" } = {}) {
      const client = await connectRaw({ framing })
      client.flowControl = flowControl
      const capabilities = { flowControl, byteMessages }
      await client.request("initialize", { protocolVersion: 1, clientInfo: { name: "test" }, capabilities })
      client.byteMessages = byteMessages && framing === "header"
      client.notify("initialized")
      return client
    },
  }
}

/** Ends the daemon and says what was wrong with it. */
async function endAndJudge({ daemon, clients, bugs, clock }: Running): Promise<string[]> {
  for (const client of clients) client.destroy()
  daemon.shutdown(0)
  let ended = false
  void daemon.ended.then(() => (ended = true))
  if (clock instanceof TestClock) {
    // Nobody else moves this clock any more, and the end has deadlines.
    while (!ended) {
      clock.advance(1_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await daemon.ended
  const left = [...daemon.table.holdings()].map(({ id, kind }) => `${kind} ${id}`)
  const servers = [...daemon.table.servers()].map(({ id }) => `server ${id}`)
  const { clients: connected } = daemon.info()
  return [
    ...bugs.map((bug) => `the daemon reports a bug: ${bug}`),
    ...clients.flatMap(({ grammar: { violations, trace } }) =>
      violations.length === 0
        ? []
        : [...violations.map((each) => `grammar: ${each}`), ...trace.slice(-60).map((line) => `  ${line}`)],
    ),
    ...[...left, ...servers].map((each) => `in the table: ${each}`),
    ...(connected === 0 ? [] : [`${connected} clients`]),
  ]
}
