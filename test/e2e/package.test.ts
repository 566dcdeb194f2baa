/**
 * What a published package holds, as npm itself lists it: everything its entries need, nothing else.
 * `.ci/smoke` goes further and installs it.
 */
import { execFileSync } from "node:child_process"
import { statSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { read, ROOT } from "../house/sources.ts"

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly bin: Readonly<Record<string, string>>
}

describe("the packed package", () => {
  let files: string[] = []

  beforeAll(() => {
    // Why --ignore-scripts: `prepack` would clean dist/ under the tests that run it.
    const listed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    })
    const [pack] = JSON.parse(listed) as { files: { path: string }[] }[]
    files = pack?.files.map(({ path }) => path) ?? []
  })

  it("holds every file that package.json names", () => {
    const { exports, bin } = JSON.parse(read("package.json")) as Manifest
    const named = [
      ...Object.values(exports).flatMap((target) => (typeof target === "string" ? [target] : Object.values(target))),
      ...Object.values(bin),
    ]
    expect(files).toEqual(expect.arrayContaining(named.map((path) => path.replace(/^\.\//, ""))))
  })

  it("holds its license, its readme and its changelog", () => {
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "CHANGELOG.md"]))
  })

  it("holds no tests, no sources, no benchmarks", () => {
    const unwanted = files.filter(
      (file) => /(?:\.test\.|^test\/|^dist\/(?:bench|scripts|examples)\/)/.test(file) || /(?<!\.d)\.ts$/.test(file),
    )
    expect(unwanted).toEqual([])
  })

  it.skipIf(process.platform === "win32")("has a command that can be executed", () => {
    expect(statSync(join(ROOT, "dist/cli/main.js")).mode & 0o111).toBe(0o111)
  })
})
