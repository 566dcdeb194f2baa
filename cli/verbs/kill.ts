/** `transportd kill`: a signal to a process of the running daemon. */
import { constants } from "node:os"
import { exitCode } from "../exitCodes.ts"
import { Failure } from "../failure.ts"
import { joinRunning, type JoinOptions } from "../join.ts"
import { describe, isProcess, parseRef, refOperand } from "../ref.ts"
import { asOwner, stealOption } from "../taking.ts"
import { option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly signal: string
  readonly steal?: boolean
}

export const kill: Verb<Options> = {
  operands: [refOperand],
  options: [
    socketOption,
    option("-s, --signal <signal>", "which: a name (HUP, SIGHUP) or a number", { default: "TERM" }),
    stealOption,
    verboseOption,
  ],
  example: "transportd kill web --signal HUP",
  async run([operand = ""], { signal: given, steal = false, ...where }) {
    const signal = parseSignal(given)
    const client = await joinRunning(where)
    const described = await describe(client, parseRef(operand))
    const { transport, kind, state } = described
    if (!isProcess(described)) {
      throw new Failure("failure", `transport ${transport} is no process but ${kind}; \`transportd close\` ends it`)
    }
    if (state === "ended") throw new Failure("notRunning", `the process of transport ${transport} has ended`)
    await asOwner(client, described, steal, () => client.request("transport/sendSignal", { transport, signal }))
    await client.close()
    return exitCode("ok")
  },
}

function parseSignal(text: string): number | NodeJS.Signals {
  const upper = text.toUpperCase()
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`
  if (Object.hasOwn(constants.signals, name)) return name as NodeJS.Signals
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Object.values<number>(constants.signals).includes(number)) return number
  throw new Failure("usage", `this system has no signal ${text}`)
}
