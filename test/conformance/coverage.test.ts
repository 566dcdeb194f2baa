/** The list of statements against the tests: each is proven once or skipped with a reason, and none is made up. */
import { describe, expect, it } from "vitest"
import { filesUnder, read } from "../house/sources.ts"
import { claimsOf } from "./coverage.ts"
import { STATEMENTS } from "./statements.ts"

const files = filesUnder("test/conformance", ".test.ts")
const claims = files.flatMap((file) => claimsOf(file, read(file)))

describe("the statements", () => {
  it("have exactly one test or one reason each", () => {
    const counts = Object.keys(STATEMENTS).map((id) => [id, claims.filter((claim) => claim.id === id).length] as const)
    expect(counts.filter(([, count]) => count !== 1)).toEqual([])
  })

  it("are all that the tests name", () => {
    expect(claims.filter(({ id }) => !Object.hasOwn(STATEMENTS, id))).toEqual([])
  })

  it("are found in every call, however it is laid out", () => {
    const calls = files.flatMap((file) => [...read(file).matchAll(/^(?:proves|provesFor|skipped)\(/gm)])
    expect(claims).toHaveLength(calls.length)
    expect(
      claimsOf(
        "some.test.ts",
        [
          'proves("BT-1", "it closes", async () => {})',
          'provesFor("BT-2", STREAMS, "it \\"flushes\\"", async () => {})',
          'provesFor(\n  "BT-3",\n  ["tcp", "unix"],\n  "it is still",\n  async () => {},\n)',
          'provesFor("BT-4", Object.keys(ENDS), "it ends", async () => {})',
          'skipped(\n  "BT-5",\n  "missing: it",\n)',
        ].join("\n"),
      ).map(({ id, sentence, proven }) => [id, sentence, proven]),
    ).toEqual([
      ["BT-1", "it closes", true],
      ["BT-2", 'it "flushes"', true],
      ["BT-3", "it is still", true],
      ["BT-4", "it ends", true],
      ["BT-5", "missing: it", false],
    ])
  })

  it("have a reason where they have no test", () => {
    expect(claims.filter(({ proven, sentence }) => !proven && sentence.length < 20)).toEqual([])
  })
})
