/** `transportd start`: the daemon of this user in the background; exactly one per socket, however often it is asked. */
import { launch, logPath } from "../background.ts"
import { exitCode } from "../exitCodes.ts"
import { tryJoin } from "../join.ts"
import { json, say } from "../print.ts"
import { socketPath } from "../socketPath.ts"
import { option, socketOption, type Verb } from "../verb.ts"

interface Options {
  readonly socket?: string
  readonly json?: boolean
}

export const start: Verb<Options> = {
  options: [socketOption, option("--json", "print an object: started, pid, socket, log")],
  example: "transportd start",
  async run(_operands, options) {
    const path = socketPath(options.socket)
    const running = await tryJoin(path)
    const { client, started } = running === null ? await launch(path) : { client: running, started: false }
    const { pid } = client.greeting.serverInfo
    await client.close()
    if (options.json === true) say(json({ started, pid, socket: path, log: logPath(path) }))
    else say(`${started ? "started" : "already running"}: process ${pid} on ${path}`)
    return exitCode("ok")
  },
}
