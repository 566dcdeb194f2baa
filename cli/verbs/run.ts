/** `transportd run`: a program in the daemon that feels like one in this terminal: bytes, signals, exit status. */
import type { Client } from "transportd/client"
import { exitCode, exitCodeOf } from "../exitCodes.ts"
import { errnoOf, explain, Failure, isRpcError } from "../failure.ts"
import { COME_BACK, join, joinRunning, type JoinOptions } from "../join.ts"
import { askedToLeave, leave } from "../leaving.ts"
import { localSize } from "../localTerminal.ts"
import { json, say, tell } from "../print.ts"
import { ProgramRelay } from "../programRelay.ts"
import { bytesOption, nameOption, option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly detach?: boolean
  readonly json?: boolean
  readonly name?: string
  readonly keep?: boolean
  readonly pty?: boolean
  readonly retain?: number
}

type Wishes = NonNullable<Parameters<Client["loop"]["subprocessExec"]>[2]>
type TransportWishes = NonNullable<Wishes["options"]>

/** What is passed on to the program; whoever sends it wants the program, not us, to act. */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const

export const run: Verb<Options> = {
  operands: [["<command...>", "the program and its arguments; options of its own go behind --"]],
  options: [
    socketOption,
    option("-d, --detach", "leave it to the running daemon at once, and print its id", { conflicts: "keep" }),
    option("--json", "with --detach: print an object: transport, pid, name"),
    nameOption,
    option("--keep", "it outlives this command, and a terminal that is closed; `transportd attach` brings it back"),
    option("-t, --pty", "give it a terminal: ours, if this is one"),
    bytesOption(
      "--retain <bytes>",
      "how much of each output is kept for who comes late (1 MiB with --detach or --keep)",
    ),
    verboseOption,
  ],
  example: "transportd run -- sh -c 'tr a-z A-Z'",
  passThrough: true,
  ownSignals: true,
  ownOutput: true,
  async run([program = "", ...args], given) {
    const { detach = false, keep = false, json: asJson = false, pty = false, name, retain, ...where } = given
    const options: TransportWishes = {
      ...(name !== undefined && { name }),
      ...(retain !== undefined && { retainBytes: retain }),
      ...((detach || keep) && { lifetime: "daemon" }),
    }
    const wishes: Wishes = { options, ...(pty && { pty: localSize() }) }
    try {
      if (detach) return await startDetached([program, ...args], wishes, where, asJson)
      return await stayWith([program, ...args], wishes, where, keep)
    } catch (error) {
      throw troubleOf(error)
    }
  },
}

type Command = readonly [string, ...string[]]

async function startDetached(command: Command, wishes: Wishes, where: JoinOptions, asJson: boolean): Promise<number> {
  const { options } = wishes
  const client = await joinRunning(where)
  // Paused: what it says before we are gone is for who attaches.
  const [transport] = await client.loop.subprocessExec(() => ({}), command, {
    ...wishes,
    options: { ...options, paused: true },
  })
  const { id } = transport
  const { name = null } = options ?? {}
  say(asJson ? json({ transport: id, pid: transport.getPid(), name }) : String(id))
  await client.close()
  return exitCode("ok")
}

async function stayWith(command: Command, wishes: Wishes, where: JoinOptions, keep: boolean): Promise<number> {
  // From the first moment: a signal must not end us and leave the program behind.
  const relay = new ProgramRelay({ canLeave: keep })
  // What is kept is not told that the terminal has gone: to live on without it is what it is kept for.
  for (const signal of FORWARDED) if (!keep || signal !== "SIGHUP") process.on(signal, () => relay.signal(signal))
  const hungUp = keep ? askedToLeave(["SIGHUP"]) : new Promise<never>(() => {})
  const client = keep ? await joinRunning(where, COME_BACK) : (await join(where)).client
  const [transport] = await client.loop.subprocessExec(() => relay, command, wishes)
  if (where.verbose === true) tell(`process ${transport.getPid()}, transport ${transport.id}`)
  const left = Promise.race([hungUp, relay.left]).then((status) => leave(transport, status, wishes.options?.name))
  const status = await Promise.race([relay.ended.then(exitCodeOf), left])
  await client.close()
  return status
}

/** Apart from the program's own failures, so that a script can tell them apart (as `docker run` has it). */
function troubleOf(error: unknown): Failure {
  const { sentence } = explain(error)
  if (!isRpcError(error) || error.name !== "SpawnFailed") return new Failure("daemonTrouble", sentence)
  return new Failure(errnoOf(error) === "ENOENT" ? "notFound" : "cannotRun", sentence)
}
