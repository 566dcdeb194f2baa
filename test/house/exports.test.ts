/**
 * What package.json promises, against the sources: every entry has a file that builds into it.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import config from "../../vitest.config.ts"
import { read, ROOT } from "./sources.ts"

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly bin: Readonly<Record<string, string>>
}

const manifest = JSON.parse(read("package.json")) as Manifest

/** `./dist/client/index.d.ts` → `client/index.ts`; a file that no build makes is its own source. */
function sourceOf(built: string): string {
  return built
    .replace(/^(?:\.\/)?dist\//, "")
    .replace(/^\.\//, "")
    .replace(/(?:\.d\.ts|\.js)$/, ".ts")
}

const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === "string" ? [[name, target] as const] : Object.values(target).map((path) => [name, path] as const),
)

describe("package.json", () => {
  it("names at least the three entries", () => {
    expect(Object.keys(manifest.exports)).toEqual(expect.arrayContaining(["./protocol", "./client", "./daemon"]))
  })

  it.each(entries)("exports %s from %s, and its source exists", (_name, target) => {
    expect(existsSync(join(ROOT, sourceOf(target))), sourceOf(target)).toBe(true)
  })

  it.each(Object.entries(manifest.bin))("installs the command %s from %s, and its source exists", (_name, target) => {
    expect(existsSync(join(ROOT, sourceOf(target))), sourceOf(target)).toBe(true)
    expect(read(sourceOf(target)).split("\n")[0]).toBe("#!/usr/bin/env node")
  })

  it("types and code of an entry come from one source", () => {
    for (const [name, target] of Object.entries(manifest.exports)) {
      if (typeof target !== "string") expect(new Set(Object.values(target).map(sourceOf)).size, name).toBe(1)
    }
  })

  it("tests run the sources of every entry", () => {
    const alias = config.resolve?.alias as Readonly<Record<string, string>>
    for (const [name, target] of entries.filter(([, path]) => path.endsWith(".js"))) {
      expect(alias[name.replace(/^\./, "transportd")], name).toBe(join(ROOT, sourceOf(target)))
    }
  })
})
