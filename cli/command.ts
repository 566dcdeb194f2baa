/**
 * The `transportd` command: finds the verb, loads it alone, runs it, ends with its status.
 * What a verb does is in `verbs/`; no other file of the package ends the process.
 */
import { end, endWhenOutputBreaks, outliveBrokenOutput } from "./ending.ts"
import { exitCode } from "./exitCodes.ts"
import { explain } from "./failure.ts"
import { plainOptions } from "./plain.ts"
import { tell } from "./print.ts"
import type { Verb } from "./verb.ts"
import { VERBS } from "./verbs/index.ts"

void main(process.argv.slice(2)).then(end)

async function main(args: readonly string[]): Promise<number> {
  try {
    const [name = "", ...rest] = args
    const verb = Object.hasOwn(VERBS, name) ? await VERBS[name]?.load() : undefined
    const options = verb === undefined ? null : plainOptions(verb, rest, process.env)
    if (verb !== undefined && options !== null) return await run(verb, [], options)
    const { readCommandLine } = await import("./commandLine.ts")
    return await readCommandLine(args, run)
  } catch (error) {
    const { sentence, code } = explain(error)
    tell(sentence)
    return code
  }
}

async function run(verb: Verb, operands: readonly string[], options: object): Promise<number> {
  prepare(verb)
  return await verb.run(operands, options)
}

function prepare({ ownOutput, ownSignals }: Verb): void {
  if (ownOutput === true) outliveBrokenOutput()
  else endWhenOutputBreaks()
  if (ownSignals !== true) process.once("SIGINT", () => process.exit(exitCode("interrupted")))
}
