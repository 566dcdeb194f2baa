/** `transportd status`: whether a daemon runs, by its exit status, and how it is. */
import { existsSync } from "node:fs"
import { logPath } from "../background.ts"
import { exitCode } from "../exitCodes.ts"
import { notRunning, tryJoin } from "../join.ts"
import { count, duration, json, pairs, say } from "../print.ts"
import { socketPath } from "../socketPath.ts"
import { option, socketOption, type Verb } from "../verb.ts"

interface Options {
  readonly socket?: string
  readonly json?: boolean
}

export const status: Verb<Options> = {
  options: [socketOption, option("--json", "print an object: running, socket, and what daemon/info says")],
  example: "transportd status --json",
  async run(_operands, { socket, json: asJson }) {
    const path = socketPath(socket)
    const client = await tryJoin(path)
    if (client === null) {
      if (asJson !== true) throw notRunning(socket)
      say(json({ running: false, socket: path }))
      return exitCode("notRunning")
    }
    const info = await client.request("daemon/info", {})
    await client.close()
    const log = existsSync(logPath(path)) ? logPath(path) : null
    if (asJson === true) {
      say(json({ running: true, ...info, socket: path, log }))
      return exitCode("ok")
    }
    say(
      pairs({
        status: "running",
        process: String(info.pid),
        version: `${info.version} (protocol ${info.protocolVersion}, Node ${info.nodeVersion})`,
        uptime: duration(info.uptimeMs),
        socket: path,
        ...(log !== null && { log }),
        // This very question is one of them.
        clients: count(info.clients - 1),
        transports: count(info.transports),
        servers: count(info.servers),
      }),
    )
    return exitCode("ok")
  },
}
