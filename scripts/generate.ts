/**
 * Writes the reference pages that are made from the declarations: `npm run generate`, from the root of the repository.
 * What they say is made in `generate/`; `test/house/generated.test.ts` holds the files to it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { REFERENCE, referencePages } from "./generate/pages.ts"

const pages = referencePages((file) => readFileSync(file, "utf8"))
rmSync(REFERENCE, { recursive: true, force: true })
for (const [file, content] of pages) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
