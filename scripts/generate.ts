/**
 * Writes what is made from the declarations and the tests, the reference pages and the Python client's types:
 * `npm run generate`, from the root of the repository.
 * What they say is made in `generate/`; `test/house/generated.test.ts` holds the files to it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { REFERENCE, referencePages } from "./generate/pages.ts"
import { PYTHON_WIRE, pythonWire } from "./generate/python.ts"

const pages = referencePages(
  (file) => readFileSync(file, "utf8"),
  (folder, ending) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => `${folder}/${name}`)
      .sort(),
)
rmSync(REFERENCE, { recursive: true, force: true })
for (const [file, content] of [...pages, [PYTHON_WIRE, pythonWire()] as const]) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
