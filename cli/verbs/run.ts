/** `transportd run`: a program in the daemon that feels like one in this terminal: bytes, signals, exit status. */
import { exitCodeOf } from "../exitCodes.ts"
import { errnoOf, explain, Failure, isRpcError } from "../failure.ts"
import { join, type JoinOptions } from "../join.ts"
import { tell } from "../print.ts"
import { ProgramRelay } from "../programRelay.ts"
import { socketOption, verboseOption, type Verb } from "../verb.ts"

/** What is passed on to the program; whoever sends it wants the program, not us, to act. */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const

export const run: Verb<JoinOptions> = {
  operands: [["<command...>", "the program and its arguments; options of its own go behind --"]],
  options: [socketOption, verboseOption],
  example: "transportd run -- sh -c 'tr a-z A-Z'",
  passThrough: true,
  ownSignals: true,
  ownOutput: true,
  async run([program = "", ...args], where) {
    // From the first moment: a signal must not end us and leave the program behind.
    const relay = new ProgramRelay()
    for (const signal of FORWARDED) process.on(signal, () => relay.signal(signal))
    try {
      const client = await join(where)
      const [transport] = await client.loop.subprocessExec(() => relay, [program, ...args])
      if (where.verbose === true) tell(`process ${transport.getPid()}, transport ${transport.id}`)
      const returncode = await relay.ended
      await client.close()
      return exitCodeOf(returncode)
    } catch (error) {
      throw troubleOf(error)
    }
  },
}

/** Apart from the program's own failures, so that a script can tell them apart (as `docker run` has it). */
function troubleOf(error: unknown): Failure {
  const { sentence } = explain(error)
  if (!isRpcError(error) || error.name !== "SpawnFailed") return new Failure("daemonTrouble", sentence)
  return new Failure(errnoOf(error) === "ENOENT" ? "notFound" : "cannotRun", sentence)
}
