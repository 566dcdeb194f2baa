/**
 * Which sources a run of the built command evaluated: it is one file, so V8 tells which functions ran, and lines in the
 * file which source they are of.
 */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { SCRIPT } from "../../cli/compiled.ts"
import { MAIN, type RunOptions, type Sandbox } from "./sandbox.ts"

interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly ranges: readonly { readonly startOffset: number; readonly count: number }[]
    }[]
  }[]
}

/** The sources, from the root of the repository; fails when the command does. */
export async function evaluated(sandbox: Sandbox, args: readonly string[], options?: RunOptions): Promise<string[]> {
  const folder = mkdtempSync(join(sandbox.folder, "coverage-"))
  const { code, stderr } = await sandbox.run(args, { ...options, env: { NODE_V8_COVERAGE: folder } })
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`)
  const [file = ""] = readdirSync(folder)
  const { result } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Coverage
  const functions = result.find(({ url }) => url.endsWith(SCRIPT))?.functions
  if (functions === undefined) throw new Error(`V8 says nothing of ${SCRIPT}`)
  const ran = functions.flatMap(({ ranges: [range] }) => (range !== undefined && range.count > 0 ? [range] : []))
  return [...new Set(ran.flatMap(({ startOffset }) => sourceAt(startOffset) ?? []))].sort()
}

const starts = [...readFileSync(join(dirname(MAIN), SCRIPT), "latin1").matchAll(/^\/\/ (\w\S*\/\S+)$/gm)]

function sourceAt(offset: number): string | undefined {
  return starts.findLast(({ index }) => index <= offset)?.[1]
}
