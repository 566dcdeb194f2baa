/**
 * Reads the repository as text: which files there are, what each imports and on which line.
 * Works on import lines alone, because TypeScript 7 ships no compiler API.
 * Knows nothing of which imports are right: `layering.test.ts` judges.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..")

const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git"])

/** Files under `folder` whose name ends in `ending`, as sorted paths from the root with forward slashes. */
export function filesUnder(folder: string, ending: string): string[] {
  const top = join(ROOT, folder)
  if (!existsSync(top)) return []
  const found: string[] = []
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) {
        if (!NOT_OURS.has(entry.name)) walk(path)
      } else if (entry.name.endsWith(ending)) {
        found.push(relative(ROOT, path).split(sep).join("/"))
      }
    }
  }
  walk(top)
  return found.sort()
}

/** The text of a file, named by its path from the root. */
export function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8")
}

/** The fenced blocks of `page` in `language`, in order. */
export function blocks(page: string, language: string): string[] {
  // All of them are taken, so that the end of one is never the beginning of another.
  const all = [...read(page).matchAll(/^```(\w*)\n([^]*?)^```$/gm)]
  return all.filter(([, name]) => name === language).map(([, , body = ""]) => body)
}

/** The number of the line that holds `offset`, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length
}

export interface Import {
  readonly line: number
  /** As written: `./errors.ts`, `zod`, `node:net`. */
  readonly specifier: string
  /** True when nothing of it is left at run time. An inline `{ type X }` leaves the import itself: not type-only. */
  readonly typeOnly: boolean
}

// A string or template literal (kept, so that "//" inside one starts no comment), or a comment.
const LITERAL_OR_COMMENT = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`|\/\/[^\n]*|\/\*[^]*?\*\//g

/** `text` with every comment turned into spaces: offsets and lines stay as they were. */
export function withoutComments(text: string): string {
  return text.replace(LITERAL_OR_COMMENT, (part) => (part.startsWith("/") ? part.replace(/[^\n]/g, " ") : part))
}

/** `text` with comments and the insides of plain strings turned into spaces: what is left is code. */
export function codeOnly(text: string): string {
  return text.replace(LITERAL_OR_COMMENT, (part) => (part.startsWith("`") ? part : part.replace(/[^\n]/g, " ")))
}

// `import … from "x"` and `export … from "x"`; the clause has no quote and no semicolon, so it cannot run on.
const FROM = /(?:^|;)[ \t]*(?:import|export)\s+(type\s+(?!from\b))?[\w$\s*{},]*?\bfrom\s*["']([^"'\n]+)["']/gm
const SIDE_EFFECT = /(?:^|;)[ \t]*import\s*["']([^"'\n]+)["']/gm
const DYNAMIC = /(typeof\s+)?\bimport\s*\(\s*["'`]([^"'`\n]+)["'`]/g

/** Every import and re-export in `text`, in the order of lines. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text)
  const found: (Import & { offset: number })[] = []
  const add = (match: RegExpExecArray, specifier: string | undefined, typeOnly: boolean): void => {
    if (specifier === undefined) return
    const offset = match.index + match[0].length
    found.push({ offset, line: lineAt(code, offset), specifier, typeOnly })
  }
  for (const match of code.matchAll(FROM)) add(match, match[2], match[1] !== undefined)
  for (const match of code.matchAll(SIDE_EFFECT)) add(match, match[1], false)
  for (const match of code.matchAll(DYNAMIC)) add(match, match[2], match[1] !== undefined)
  return found
    .sort((a, b) => a.offset - b.offset)
    .map(({ line, specifier, typeOnly }) => ({ line, specifier, typeOnly }))
}

/** Where `specifier`, written in `file`, leads: a path from the root for our own files, else the package as written. */
export function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(posix.dirname(file), specifier))
  if (specifier.startsWith("transportd/")) return `${specifier.slice("transportd/".length)}/index.ts`
  return specifier
}
