#!/usr/bin/env node
/**
 * The `transportd` command: finds the verb, loads it alone, runs it, ends with its status.
 * What a verb does is in `verbs/`; no other file of the package ends the process.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { Command, CommanderError } from "commander"
import { end, endWhenOutputBreaks, outliveBrokenOutput } from "./ending.ts"
import { exitCode, exitCodeHelp } from "./exitCodes.ts"
import { explain } from "./failure.ts"
import { tell } from "./print.ts"
import { declare, type Verb } from "./verb.ts"
import { VERBS } from "./verbs/index.ts"

const args = process.argv.slice(2)
await end(await main(args))

async function main(args: readonly string[]): Promise<number> {
  let status = exitCode("ok")
  const program = makeProgram()
  // Only the verb that is asked for is loaded: `transportd VERB …`, `transportd help VERB`.
  const [first, second] = args
  const asked = first === "help" ? second : first
  for (const [name, { summary, load }] of Object.entries(VERBS)) {
    const command = program.command(name).description(summary)
    if (name !== asked) continue
    const verb = await load()
    declare(command, verb, async (operands, options) => {
      prepare(verb)
      status = await verb.run(operands, options)
    })
  }
  try {
    await program.parseAsync(args, { from: "user" })
  } catch (error) {
    // Commander has said what is wrong; its own status for that is 1.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCode("usage")
    const { sentence, code } = explain(error)
    tell(sentence)
    return code
  }
  return status
}

function makeProgram(): Command {
  return new Command("transportd")
    .description("A daemon that owns sockets and processes for its clients.")
    .version(version())
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("(`transportd help` lists the verbs, `transportd VERB --help` their options)")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "transportd: ")) })
    .addHelpText("after", `\n${exitCodeHelp()}`)
}

function version(): string {
  const manifest = createRequire(import.meta.url).resolve("transportd/package.json")
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version
}

function prepare({ ownOutput, ownSignals }: Verb): void {
  if (ownOutput === true) outliveBrokenOutput()
  else endWhenOutputBreaks()
  if (ownSignals !== true) process.once("SIGINT", () => process.exit(exitCode("interrupted")))
}
