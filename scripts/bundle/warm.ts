/**
 * Runs the command in a folder, and writes the code that V8 made of it: `node warm.js FOLDER VERB …`.
 * A process of its own, since the command ends its process.
 */
import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { setFlagsFromString } from "node:v8"
import { load, runScript } from "../../cli/compiled.ts"

const folder = resolve(process.argv.splice(2, 1).join())
const { script, codeFile } = load(folder)
process.on("exit", () => {
  // V8 takes code with the flags alone that it was made with: this one the daemon sets, and 0 is how it starts.
  setFlagsFromString("--heap-growing-percent=0")
  writeFileSync(codeFile, script.createCachedData())
})
runScript(script, folder)
