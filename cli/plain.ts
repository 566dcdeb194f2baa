/**
 * The command lines that programs write, recognised by hand: `stdio --framing=header`, `serve --socket PATH`.
 * Says only "certainly these options"; whatever is not so plain goes to commander, which alone knows what is wrong and
 * what it is called.
 * Why: loading commander and declaring all verbs to it was a tenth of the time until a daemon answered.
 */
import type { Verb, VerbOption } from "./verb.ts"

type Values = Record<string, string | number>

/** The options in `args`, which follow the verb; null where commander is to look. */
export function plainOptions(verb: Verb, args: readonly string[], env: NodeJS.ProcessEnv): Values | null {
  if (verb.operands !== undefined) return null
  const options = new Map<string, VerbOption>()
  const values: Values = {}
  for (const option of verb.options ?? []) {
    const name = nameOf(option)
    if (name === null) continue
    options.set(name, option)
    if (option.default !== undefined) values[attribute(name)] = option.default
    const said = option.env === undefined ? undefined : env[option.env]
    if (said !== undefined && !take(values, name, option, said)) return null
  }
  for (let at = 0; at < args.length; at++) {
    const [, name = "", inline] = /^--([a-z-]+)(?:=([^]*))?$/.exec(args[at] ?? "") ?? []
    const option = options.get(name)
    const text = inline ?? args[++at]
    if (option === undefined || text === undefined || (inline === undefined && text.startsWith("-"))) return null
    if (!take(values, name, option, text)) return null
  }
  return values
}

/** The name of an option that has one name and takes one text, and excludes no other. */
function nameOf({ flags, conflicts }: VerbOption): string | null {
  const [, name] = /^--([a-z-]+) <\w+>$/.exec(flags) ?? []
  return name === undefined || conflicts !== undefined ? null : name
}

/** `ready-fd` → `readyFd`, as commander names it. */
function attribute(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function take(values: Values, name: string, { choices, parse }: VerbOption, text: string): boolean {
  if (choices !== undefined && !choices.includes(text)) return false
  try {
    values[attribute(name)] = parse === undefined ? text : parse(text)
    return true
  } catch {
    return false
  }
}
