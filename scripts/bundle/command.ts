/**
 * The command in one file: `cli/` and everything that it loads, of this package and of others.
 * Pure but for reading the sources: `bundle.ts` writes what this makes, `test/e2e/start.test.ts` holds `dist/` to it.
 *
 * Why: a daemon answered after 4.5 times as long as `node -e 0` takes, most of it for finding, reading and linking some
 * 250 files, and after 2.2 times in one.
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { rolldown, type OutputChunk } from "rolldown"
import { FINGERPRINT_LENGTH, SCRIPT } from "../../cli/compiled.ts"

export interface CommandFile {
  readonly name: string
  readonly text: string
  /** The sources in it, from the root of the repository. */
  readonly sources: readonly string[]
}

/** The files of the command, made of the sources under `root`; what V8 makes of them comes later. */
export async function commandFiles(root: string): Promise<CommandFile[]> {
  const [main, command] = await Promise.all([bundle(root, "cli/main.ts"), bundle(root, "cli/command.ts")])
  // Why a function: what Node gives to a module, `cli/compiled.ts` gives to it.
  const text = `(function (require, __filename) {\n${asciiOnly(command.code)}\n})\n`
  const fingerprint = createHash("sha256").update(text).digest("hex").slice(0, FINGERPRINT_LENGTH)
  return [
    { name: "main.js", text: main.code, sources: main.sources },
    { name: SCRIPT, text: `${text}// ${fingerprint}`, sources: command.sources },
    { name: "LICENSES", text: licenses(root, command.sources), sources: [] },
    // The rest of the package is ES modules.
    { name: "package.json", text: '{ "type": "commonjs" }\n', sources: [] },
  ]
}

async function bundle(root: string, input: string): Promise<{ code: string; sources: string[] }> {
  const built = await rolldown({
    cwd: root,
    input,
    platform: "node",
    // Optional, and asked for by name where it is installed.
    external: ["koffi"],
    resolve: {
      alias: Object.fromEntries(
        ["protocol", "client", "daemon"].map((room) => [`transportd/${room}`, join(root, room, "index.ts")]),
      ),
    },
    // As in tsconfig.json.
    transform: { target: "es2023" },
  })
  try {
    const { output } = await built.generate({
      format: "cjs",
      // What is imported when it is needed is in the same file, and evaluated when it is needed.
      codeSplitting: false,
      // As modules are.
      strict: true,
      // Not shortened any further: nothing was gained that could be measured, and traces in the log would say nothing.
      comments: { legal: false, jsdoc: false, annotation: false },
    })
    const [{ code, moduleIds }] = output.filter((file): file is OutputChunk => file.type === "chunk") as [OutputChunk]
    const files = moduleIds.filter((id) => id.startsWith(root))
    return { code, sources: files.map((id) => relative(root, id).split(sep).join("/")) }
  } finally {
    await built.close()
  }
}

/** What is no ASCII is in strings and patterns, which take it by number too. */
function asciiOnly(code: string): string {
  return code.replace(/[^\n -~\t]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/** What the licenses of the packages in it ask for: that they are in it too. */
function licenses(root: string, sources: readonly string[]): string {
  const packages = new Set(sources.flatMap((source) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source) ?? []))
  const texts = [...packages].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
      name: string
      version: string
    }
    const file = ["LICENSE", "License.txt", "LICENSE.md"].map((each) => join(root, folder, each)).find(existsSync)
    if (file === undefined) throw new Error(`${folder} has no license to pack`)
    return `${name} ${version}\n\n${readFileSync(file, "utf8").trim()}\n`
  })
  return texts.join("\n---\n\n")
}
