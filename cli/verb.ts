/**
 * What a verb is: a declaration that the command line is built from, and the work behind it.
 * Plain data: who reads it, commander or `plain.ts`, is none of its business.
 */

/** An option of a verb. */
export interface VerbOption {
  /** As commander writes them: `-s, --signal <signal>`. */
  readonly flags: string
  readonly description: string
  readonly choices?: readonly string[]
  readonly default?: string | number
  /** The environment variable that sets it, where the command line does not. */
  readonly env?: string
  /** The option that makes no sense beside it. */
  readonly conflicts?: string
  /** What its text means; throws {@link InvalidValue}. */
  readonly parse?: (text: string) => string | number
}

export interface Verb<Options extends object = object> {
  /** Operands as commander writes them (`<method>`, `[json]`, `<command...>`), with what they are. */
  readonly operands?: ReadonlyArray<readonly [name: string, description: string]>
  readonly options?: readonly VerbOption[]
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

/** The text of an option makes no sense; the message says what would. */
export class InvalidValue extends Error {}

type More = Omit<VerbOption, "flags" | "description">

export function option(flags: string, description: string, more: More = {}): VerbOption {
  return { flags, description, ...more }
}

/** An option that takes a number of at least 0. */
export function numberOption(flags: string, description: string, more: More = {}): VerbOption {
  const parse = (text: string): number => {
    const value = Number(text)
    if (text.trim() !== "" && value >= 0 && value <= 2_147_483) return value
    throw new InvalidValue("give a number from 0 to 2147483.")
  }
  return option(flags, description, { parse, ...more })
}

/** An option that takes a number of bytes. */
export function bytesOption(flags: string, description: string): VerbOption {
  const parse = (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value)) return value
    throw new InvalidValue("give a number of bytes.")
  }
  return option(flags, description, { parse })
}

/** An option that is a name for a transport. */
export const nameOption = option("--name <name>", "a name for it, for `attach`, `logs` and all other verbs")

export const socketOption = option("--socket <path>", "the daemon's socket (default: see `transportd socket-path`)")
export const verboseOption = option("-v, --verbose", "say on stderr which daemon is used, and what happens")
