/** `transportd logs`: what is kept of a transport's output, and with `--follow` what comes. Disturbs nobody. */
import type { Client } from "transportd/client"
import { exitCode } from "../exitCodes.ts"
import { COME_BACK, joinRunning, type JoinOptions } from "../join.ts"
import { keptBytes, Onlooker } from "../onlooker.ts"
import { describe, isProcess, lastOf, parseRef, refOperand, type Description } from "../ref.ts"
import { bytesOption, option, socketOption, verboseOption, type Verb } from "../verb.ts"
import { lossOf } from "./attach.ts"

interface Options extends JoinOptions {
  readonly follow?: boolean
  readonly bytes?: number
}

export const logs: Verb<Options> = {
  operands: [refOperand],
  options: [
    socketOption,
    option("-f, --follow", "go on with what comes, until it ends"),
    bytesOption("--bytes <n>", "the last n bytes alone; of a process, the last n of each output"),
    verboseOption,
  ],
  example: "transportd logs web --follow",
  async run([operand = ""], { follow = false, bytes = Number.MAX_SAFE_INTEGER, ...where }) {
    const client = await joinRunning(where, COME_BACK)
    const described = await describe(client, parseRef(operand))
    // Absolute, so that it is known when all that was there is printed, whatever comes in the meantime.
    const since = lastOf(bytes, described)
    const onlooker = new Onlooker(follow ? null : keptBytes(described, since))
    await watch(client, described, onlooker, since)
    await onlooker.ended.catch((error: Error) => {
      throw lossOf(error)
    })
    await client.close()
    return exitCode("ok")
  },
}

async function watch(
  client: Client,
  described: Description,
  onlooker: Onlooker,
  since: ReturnType<typeof lastOf>,
): Promise<void> {
  const { transport } = described
  const wishes = { role: "observer", since } as const
  if (isProcess(described)) await client.loop.attachSubprocess(() => onlooker, transport, wishes)
  else await client.loop.attach(() => onlooker, transport, wishes)
}
