/**
 * The command as one script, and the code that V8 made of it at build time, in a file beside it.
 * Nothing is written here. Where there is no code for this very script and this Node, or V8 does not take it, V8
 * compiles the script as ever.
 *
 * Why: a daemon answered after 2.2 times as long as `node -e 0` takes, and after 1.6 times with the code.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { Script } from "node:vm"

/** An expression for a function that runs the command. ASCII alone, with {@link FINGERPRINT_LENGTH} digits at its end. */
export const SCRIPT = "command.js"

/** Of the script, by which its code is found: V8 itself compares lengths alone, and never looks for damage. */
export const FINGERPRINT_LENGTH = 16

export interface Command {
  readonly script: Script
  /** Where its code is, or is to be. */
  readonly codeFile: string
}

/** Runs the command in `folder`. */
export function run(folder: string): void {
  runScript(load(folder).script, folder)
}

/** The command in `folder`, from its code where that is there. */
export function load(folder: string): Command {
  const text = readFileSync(join(folder, SCRIPT), "latin1")
  const fits = `${text.slice(-FINGERPRINT_LENGTH)}-${process.versions.v8}-${process.arch}`
  const codeFile = join(folder, `command-${fits}.code`)
  const cachedData = readIfThere(codeFile)
  // The name in traces is part of the code: it is the same wherever that was made.
  return { script: new Script(text, { filename: `transportd/${SCRIPT}`, ...(cachedData && { cachedData }) }), codeFile }
}

/** Gives to `script` what Node gives to a module that is in `folder`. */
export function runScript(script: Script, folder: string): void {
  const file = join(folder, SCRIPT)
  const command = script.runInThisContext() as (require: NodeJS.Require, filename: string) => void
  command(createRequire(file), file)
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
