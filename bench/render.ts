/** `npm run bench:pages`, from the root of the repository: puts the kept run into the pages. */
import { readFileSync, writeFileSync } from "node:fs"
import { benchPages, KEPT_RUN } from "./pages.ts"
import type { Results } from "./results.ts"

const read = (file: string): string => readFileSync(file, "utf8")
for (const [file, content] of benchPages(JSON.parse(read(KEPT_RUN)) as Results, read)) writeFileSync(file, content)
