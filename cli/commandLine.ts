/**
 * The command line as commander reads it: help, the version, operands, and a sentence for what makes no sense.
 * Only what `plain.ts` does not recognise comes here; loaded when something does.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander"
// Not by the name of the package, as all else: whoever asks for the version gets no schemas.
import { VERSION } from "../protocol/version.ts"
import { exitCode, exitCodeHelp } from "./exitCodes.ts"
import type { Verb, VerbOption } from "./verb.ts"
import { VERBS } from "./verbs/index.ts"

type Run = (verb: Verb, operands: readonly string[], options: object) => Promise<number>

/** Runs the verb that `args` ask for, with `run`, and resolves to its status; or says what is wrong with them. */
export async function readCommandLine(args: readonly string[], run: Run): Promise<number> {
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
      status = await run(verb, operands, options)
    })
  }
  try {
    await program.parseAsync(args, { from: "user" })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander has said what is wrong; its own status for that is 1.
    return error.exitCode === 0 ? exitCode("ok") : exitCode("usage")
  }
}

function makeProgram(): Command {
  return new Command("transportd")
    .description("A daemon that owns sockets and processes for its clients.")
    .version(VERSION)
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("(`transportd help` lists the verbs, `transportd VERB --help` their options)")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "transportd: ")) })
    .addHelpText("after", `\n${exitCodeHelp()}`)
}

/** Fills in the command of a verb; `run` is called when it was asked for. */
function declare(command: Command, verb: Verb, run: (operands: string[], options: object) => Promise<void>): void {
  for (const [name, description] of verb.operands ?? []) command.argument(name, description)
  for (const option of verb.options ?? []) command.addOption(optionOf(option))
  if (verb.passThrough === true) command.passThroughOptions()
  command.addHelpText("after", `\nExample:\n  ${verb.example}`)
  command.action(async (...given: unknown[]) => {
    const operands = given
      .slice(0, -2)
      .flat()
      .filter((operand): operand is string => operand !== undefined)
    await run(operands, given.at(-2) as object)
  })
}

function optionOf({ flags, description, choices, default: fallback, env, conflicts, parse }: VerbOption): Option {
  const option = new Option(flags, description)
  if (choices !== undefined) option.choices(choices)
  if (fallback !== undefined) option.default(fallback)
  if (env !== undefined) option.env(env)
  if (conflicts !== undefined) option.conflicts(conflicts)
  if (parse !== undefined) option.argParser((text) => valid(() => parse(text)))
  return option
}

/** Why translated: commander makes a sentence with the option's name of its own error alone. */
function valid<Value>(parse: () => Value): Value {
  try {
    return parse()
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
