/** `transportd connect`: stdin to a TCP server, what comes from there to stdout; ends when the server does. */
import { formatAddress, parseAddress } from "../address.ts"
import { exitCode } from "../exitCodes.ts"
import { Failure } from "../failure.ts"
import { join, type JoinOptions } from "../join.ts"
import { tell } from "../print.ts"
import { Relay } from "../relay.ts"
import { standardStreams } from "../standardStreams.ts"
import { numberOption, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly timeout?: number
}

export const connect: Verb<Options> = {
  operands: [["<address...>", "HOST:PORT, [::1]:PORT or HOST PORT"]],
  options: [
    socketOption,
    numberOption("--timeout <seconds>", "how long the connection may take to come about"),
    verboseOption,
  ],
  example: "printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | transportd connect example.com:80",
  async run(operands, { timeout, ...where }) {
    const address = parseAddress(operands)
    const client = await join(where)
    const [transport, relay] = await client.loop.createConnection(() => new Relay(standardStreams()), {
      ...address,
      ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
    })
    if (where.verbose === true) tell(`connected to ${formatAddress(address)}, transport ${transport.id}`)
    const error = await relay.lost
    if (error !== null) throw lossOf(error, formatAddress(address))
    await client.close()
    return exitCode("ok")
  },
}

/** Why a connection broke, in a sentence. */
export function lossOf(error: Error, remote: string): Error {
  if (error.name === "ConnectionEnded") return error
  return new Failure("failure", `the connection with ${remote} broke: ${error.message}`)
}
