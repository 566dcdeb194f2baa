import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { load, run, SCRIPT } from "../../cli/compiled.ts"

describe("the command as a script", () => {
  let folder = ""
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "td-"))))
  afterEach(() => rmSync(folder, { recursive: true }))

  /** A command that leaves what it says, and what it was given. */
  function write(says: string, fingerprint: string): void {
    const text = `(function (require, __filename) { globalThis.ran = [${says}, typeof require, __filename] })`
    writeFileSync(join(folder, SCRIPT), `${text}\n// ${fingerprint}`)
  }

  function ran(): unknown {
    run(folder)
    return (globalThis as { ran?: unknown }).ran
  }

  /** Does what the build does. */
  function keepCode(): void {
    const { script, codeFile } = load(folder)
    script.runInThisContext()
    writeFileSync(codeFile, script.createCachedData())
  }

  it("runs without code, as a module of its folder", () => {
    write("'one'", "0000000000000001")
    expect(load(folder).script.cachedDataRejected).toBeUndefined()
    expect(ran()).toEqual(["one", "function", join(folder, SCRIPT)])
  })

  it("runs from its code, wherever that is", () => {
    write("'one'", "0000000000000001")
    keepCode()
    expect(load(folder).script.cachedDataRejected).toBe(false)
    expect(ran()).toEqual(["one", "function", join(folder, SCRIPT)])
  })

  it("does not run from the code of another script, were it as long", () => {
    write("'one'", "0000000000000001")
    keepCode()
    write("'two'", "0000000000000002")
    expect(load(folder).script.cachedDataRejected).toBeUndefined()
    expect(ran()).toEqual(["two", "function", join(folder, SCRIPT)])
  })

  it("runs where V8 does not take the code", () => {
    write("'one'", "0000000000000003")
    writeFileSync(load(folder).codeFile, "made by another program")
    // Another script, for V8 asks for no code of one that it has just compiled.
    write("'three'", "0000000000000003")
    expect(load(folder).script.cachedDataRejected).toBe(true)
    expect(ran()).toEqual(["three", "function", join(folder, SCRIPT)])
  })
})
