/** `transportd call`: any request of the protocol, with its answer as JSON. */
import { text } from "node:stream/consumers"
import type { Client } from "transportd/client"
import { exitCode } from "../exitCodes.ts"
import { Failure, isRpcError } from "../failure.ts"
import { join, type JoinOptions } from "../join.ts"
import { json, say } from "../print.ts"
import { option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly json?: boolean
}

type Request = Parameters<Client["request"]>

export const call: Verb<Options> = {
  operands: [
    ["<method>", "the request, as in `transportd discover`"],
    ["[params]", "its params as a JSON object, or - to read them from stdin"],
  ],
  options: [socketOption, option("--json", "print an error too as JSON on stdout"), verboseOption],
  example: `transportd call loop/createServer '{"port": 0}'`,
  async run([method = "", given = "{}"], { json: asJson = false, ...where }) {
    const params = parse(given === "-" ? await text(process.stdin) : given)
    const { client } = await join(where)
    try {
      // The daemon checks both; that is what this verb is for.
      say(json(await client.request(method as Request[0], params as Request[1])))
      return exitCode("ok")
    } catch (error) {
      if (!isRpcError(error)) throw error
      if (asJson) say(json(error.toWire()))
      else throw new Failure("failure", `${method}: ${error.message} (${error.name}, ${error.code})`)
      return exitCode("failure")
    } finally {
      await client.close()
    }
  },
}

function parse(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Failure("usage", `the params are no JSON: ${(error as Error).message}`)
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value
  throw new Failure("usage", `the params must be a JSON object, such as '{"transport": 7}'`)
}
