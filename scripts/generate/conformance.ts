/** The page of asyncio's statements: what each requires, and the test that proves it or the reason why there is none. */
import { claimsOf } from "../../test/conformance/coverage.ts"
import { STATEMENTS } from "../../test/conformance/statements.ts"
import { page, table } from "./markdown.ts"

const GROUPS: Readonly<Record<string, string>> = {
  GEN: "Introduction",
  HI: "Hierarchy of transports",
  BT: "BaseTransport",
  RT: "ReadTransport",
  WT: "WriteTransport",
  DT: "DatagramTransport",
  ST: "SubprocessTransport",
  P: "All protocols",
  SP: "Streaming protocols",
  BP: "Buffered streaming protocols",
  DP: "Datagram protocols",
  PP: "Subprocess protocols",
  EX: "Examples",
  LOOP: "Methods of the loop",
  REM: "What being remote adds",
}

const INTRODUCTION = [
  "The semantics of transports and protocols are those of asyncio's document of that name.",
  "Here is every statement of it, in our own words, with the test that proves it through a real daemon, or the reason why there is none.",
  "A reason that starts with *missing* is a gap of this version; any other says why there is nothing to do.",
  "The last group is not asyncio's: it is what a daemon in between has to keep for the rest to hold.",
]

/** @param tests the sources of `test/conformance/`, by path from the root. */
export function conformancePage(tests: ReadonlyMap<string, string>): string {
  const claims = new Map([...tests].flatMap(([file, text]) => claimsOf(file, text)).map((claim) => [claim.id, claim]))
  const ids = Object.keys(STATEMENTS) as Array<keyof typeof STATEMENTS>
  const groupOf = (id: string): string => id.slice(0, id.indexOf("-"))
  const isProven = (id: string): boolean => claims.get(id)?.proven === true
  const isMissing = (id: string): boolean => claims.get(id)?.sentence.startsWith("missing:") !== false

  const count = (group: string, ofGroup: readonly string[]): string[] => {
    const proven = ofGroup.filter(isProven)
    const missing = ofGroup.filter((id) => !isProven(id) && isMissing(id))
    const none = ofGroup.length - proven.length - missing.length
    return [group, String(ofGroup.length), String(proven.length), String(missing.length), String(none)]
  }
  const rows = (ofGroup: readonly (typeof ids)[number][]): string[][] =>
    ofGroup.map((id) => {
      const claim = claims.get(id)
      const state = claim === undefined ? "missing: a test" : claim.proven ? "proven" : claim.sentence
      const link = claim === undefined ? "" : `[${claim.file.split("/").at(-1)}](../../${claim.file})`
      return [id, STATEMENTS[id], state, link]
    })

  const groups = Object.keys(GROUPS)
  const idsOf = (group: string): typeof ids => ids.filter((id) => groupOf(id) === group)
  return page("Conformance", "`test/conformance/`", [
    INTRODUCTION.join("\n"),
    table(
      ["group", "statements", "proven", "missing", "nothing to prove"],
      [...groups.map((group) => count(GROUPS[group] ?? group, idsOf(group))), count("all", ids)],
    ),
    ...groups.flatMap((group) => [
      `## ${GROUPS[group]}`,
      table(["id", "statement", "state", "test"], rows(idsOf(group))),
    ]),
  ])
}
