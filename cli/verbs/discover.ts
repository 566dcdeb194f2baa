/** `transportd discover`: what the daemon understands, as an OpenRPC document. */
import { exitCode } from "../exitCodes.ts"
import { join, type JoinOptions } from "../join.ts"
import { json, say } from "../print.ts"
import { socketOption, verboseOption, type Verb } from "../verb.ts"

export const discover: Verb<JoinOptions> = {
  options: [socketOption, verboseOption],
  example: "transportd discover > openrpc.json",
  async run(_operands, where) {
    const { client } = await join(where)
    say(json(await client.request("rpc.discover", {})))
    await client.close()
    return exitCode("ok")
  },
}
