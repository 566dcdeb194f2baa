/**
 * A short soak with a bound on the number of operations; `npm run soak` goes on for ten minutes.
 */
import { expect, test } from "vitest"
import { seed } from "../support/random.ts"
import { soak } from "./soak/session.ts"
import { canLook } from "./support/look.ts"

const OPERATIONS = Number(process.env.SOAK_OPERATIONS ?? 2_500)

test.skipIf(!canLook)(
  "clients that do anything in any order break no rule of the daemon's, and leave it as they found it",
  { timeout: 60_000 + 20 * OPERATIONS },
  async () => {
    const goesOn = (operations: number): boolean => operations < OPERATIONS
    const { flaws, recent } = await soak({ seed, warmUp: OPERATIONS / 4, goesOn })
    expect(flaws, `TEST_SEED=${seed}\n${flaws.join("\n")}\nafter\n${recent.join("\n")}`).toEqual([])
  },
)
