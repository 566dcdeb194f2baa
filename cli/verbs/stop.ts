/** `transportd stop`: ends the running daemon in order, and comes back when it is gone. */
import { gone } from "../background.ts"
import { exitCode } from "../exitCodes.ts"
import { Failure, isRpcError } from "../failure.ts"
import { joinRunning } from "../join.ts"
import { json, say } from "../print.ts"
import { numberOption, option, socketOption, type Verb } from "../verb.ts"

interface Options {
  readonly socket?: string
  readonly timeout: number
  readonly json?: boolean
}

export const stop: Verb<Options> = {
  options: [
    socketOption,
    numberOption("--timeout <seconds>", "how long to wait until it is gone", { default: 15 }),
    option("--json", "print an object: stopped, pid"),
  ],
  example: "transportd stop",
  async run(_operands, { timeout, json: asJson, ...where }) {
    const client = await joinRunning(where)
    const { pid } = client.greeting.serverInfo
    await client.request("daemon/shutdown", {}).catch((error: unknown) => {
      // The end may overtake the answer that announces it.
      if (isRpcError(error)) throw error
    })
    client.destroy()
    if (!(await gone(pid, timeout * 1000))) {
      throw new Failure(
        "timedOut",
        `process ${pid} was asked to end and still runs; \`kill -9 ${pid}\` ends it at once`,
      )
    }
    say(asJson === true ? json({ stopped: true, pid }) : `stopped: process ${pid}`)
    return exitCode("ok")
  },
}
