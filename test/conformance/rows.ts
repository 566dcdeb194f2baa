/**
 * How a test of this folder says which statement it proves. `coverage.ts` finds these calls by reading the sources, so
 * the id is always written out.
 */
import { test, type TestContext } from "vitest"
import type { StatementId } from "./statements.ts"

/** The test that proves `id`, named by it. */
export function proves(id: StatementId, sentence: string, body: (context: TestContext) => Promise<void>): void {
  test(`${id}: ${sentence}`, body)
}

/** The same, once for each of several kinds of transport. */
export function provesFor<Kind extends string>(
  id: StatementId,
  kinds: readonly Kind[],
  sentence: string,
  body: (kind: Kind) => Promise<void>,
): void {
  for (const kind of kinds) test(`${id} (${kind}): ${sentence}`, () => body(kind))
}

/** There is no test of `id`, for a reason that a reader accepts; one that starts with "missing:" is still to be done. */
export function skipped(id: StatementId, reason: string): void {
  test.skip(`${id}: ${reason}`, () => {})
}
