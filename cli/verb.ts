/** What a verb is: a declaration that the command line is built from, and the work behind it. */
import { InvalidArgumentError, Option, type Command } from "commander"

export interface Verb<Options extends object = object> {
  /** Operands as commander writes them (`<method>`, `[json]`, `<command...>`), with what they are. */
  readonly operands?: ReadonlyArray<readonly [name: string, description: string]>
  readonly options?: readonly Option[]
  /** One line that a reader can try. */
  readonly example: string
  /** Options end at the first operand: what follows belongs to another program. */
  readonly passThrough?: boolean
  /** It handles signals itself; otherwise Ctrl-C ends the command with 130. */
  readonly ownSignals?: boolean
  /** It handles a reader of stdout that goes away; otherwise that ends the command quietly. */
  readonly ownOutput?: boolean
  /** Does the work and resolves to the exit status. */
  run(operands: readonly string[], options: Options): Promise<number>
}

/** Fills in the command of a verb; `run` is called when it was asked for. */
export function declare(
  command: Command,
  verb: Verb,
  run: (operands: string[], options: object) => Promise<void>,
): void {
  for (const [name, description] of verb.operands ?? []) command.argument(name, description)
  for (const option of verb.options ?? []) command.addOption(option)
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

export function option(flags: string, description: string): Option {
  return new Option(flags, description)
}

/** An option that takes a number of at least 0. */
export function numberOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text)
    if (text.trim() !== "" && value >= 0 && value <= 2_147_483) return value
    throw new InvalidArgumentError("give a number from 0 to 2147483.")
  })
}

/** An option that takes a number of bytes. */
export function bytesOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value)) return value
    throw new InvalidArgumentError("give a number of bytes.")
  })
}

/** An option that is a name for a transport. */
export const nameOption = option("--name <name>", "a name for it, for `attach`, `logs` and all other verbs")

export const socketOption = option("--socket <path>", "the daemon's socket (default: see `transportd socket-path`)")
export const verboseOption = option("-v, --verbose", "say on stderr which daemon is used, and what happens")
