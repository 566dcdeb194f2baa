/** `transportd close`: ends a transport of the running daemon, in order or at once. */
import { exitCode } from "../exitCodes.ts"
import { joinRunning, type JoinOptions } from "../join.ts"
import { describe, parseRef, refOperand } from "../ref.ts"
import { asOwner, stealOption } from "../taking.ts"
import { option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly abort?: boolean
  readonly steal?: boolean
}

export const close: Verb<Options> = {
  operands: [refOperand],
  options: [
    socketOption,
    option("--abort", "at once: what was written and is not out yet is dropped"),
    stealOption,
    verboseOption,
  ],
  example: "transportd close web",
  async run([operand = ""], { abort = false, steal = false, ...where }) {
    const client = await joinRunning(where)
    const described = await describe(client, parseRef(operand))
    const { transport, state } = described
    // Ended already is what was asked for.
    if (state !== "ended") {
      const method = abort ? "transport/abort" : "transport/close"
      await asOwner(client, described, steal, () => client.request(method, { transport }))
    }
    await client.close()
    return exitCode("ok")
  },
}
