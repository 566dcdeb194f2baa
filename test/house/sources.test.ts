/**
 * The reader of import lines itself: were it blind, every rule built on it would pass.
 */
import { describe, expect, it } from "vitest"
import { codeOnly, importsOf, targetOf, withoutComments } from "./sources.ts"

const TEXT = `
import { a } from "./a.ts"
import type { B } from "./b.ts"
import { type C } from './c.ts'
import * as d from "node:net"
import e, { f } from "zod"
import type from "./named-type.ts"
import "./side-effect.ts"
import {
  g,
  // import { no } from "./commented.ts"
  h,
} from "./many-lines.ts"
export { i } from "./i.ts"
export type { J } from "./j.ts"
export * from "./k.ts"
export * as l from "./l.ts"
/* import "./commented-block.ts" */
const m = await import("./m.ts")
type N = typeof import("./n.ts")
const text = "import { x } from 'nowhere'" // from "./trailing.ts"
const url = "https://example.org" + "/*"
export const from = "not a module"
const o = import(\`./o.ts\`)
`

describe("the reader of import lines", () => {
  it("finds every form, with its line, and tells types from values", () => {
    expect(importsOf(TEXT).map((found) => [found.line, found.specifier, found.typeOnly])).toEqual([
      [2, "./a.ts", false],
      [3, "./b.ts", true],
      [4, "./c.ts", false],
      [5, "node:net", false],
      [6, "zod", false],
      [7, "./named-type.ts", false],
      [8, "./side-effect.ts", false],
      [13, "./many-lines.ts", false],
      [14, "./i.ts", false],
      [15, "./j.ts", true],
      [16, "./k.ts", false],
      [17, "./l.ts", false],
      [19, "./m.ts", false],
      [20, "./n.ts", true],
      [24, "./o.ts", false],
    ])
  })

  it("keeps lines in place when it drops comments and strings", () => {
    for (const drop of [withoutComments, codeOnly]) {
      expect(drop(TEXT).split("\n").length).toBe(TEXT.split("\n").length)
      expect(drop(TEXT).length).toBe(TEXT.length)
    }
    expect(codeOnly(`call("process.exit()") // process.exit()`)).not.toContain("exit")
  })

  it("follows relative paths and the package's own name", () => {
    expect(targetOf("daemon/hold/outlet.ts", "../../protocol/window.ts")).toBe("protocol/window.ts")
    expect(targetOf("cli/main.ts", "transportd/client")).toBe("client/index.ts")
    expect(targetOf("cli/main.ts", "commander")).toBe("commander")
  })
})
