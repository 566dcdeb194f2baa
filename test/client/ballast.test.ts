/** Ballast: V8 is made to collect its young generation, where it would mark its whole heap otherwise, and only there. */
import { constants, PerformanceObserver } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, test } from "vitest"
import { makeBallast } from "../../client/ballast.ts"

const MiB = 1024 * 1024

/** How often the young generation was collected while `bytes` were taken. */
async function youngCollections(bytes: number): Promise<number> {
  let count = 0
  const observer = new PerformanceObserver((list) => {
    const kinds = (list.getEntries() as Array<{ detail?: { kind: number } }>).map(({ detail }) => detail?.kind)
    count += kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length
  })
  observer.observe({ entryTypes: ["gc"] })
  for (let taken = 0; taken < bytes; taken += MiB / 4) makeBallast(MiB / 4)
  await told()
  observer.disconnect()
  return count
}

/** What an observer sees it is told in turns of its own. */
async function told(): Promise<void> {
  await setImmediate()
  await setImmediate()
}

test("there is none until V8 has marked more than once, and it is tried without again", async () => {
  setFlagsFromString("--expose-gc")
  const mark = runInNewContext("gc") as () => void
  expect(await youngCollections(256 * MiB)).toBeLessThanOrEqual(2)
  for (let times = 0; times < 3; times++) mark()
  await told()
  await youngCollections(64 * MiB)
  const collections = await youngCollections(256 * MiB)
  expect(collections).toBeGreaterThanOrEqual(8)
  expect(collections).toBeLessThanOrEqual(64)
  await youngCollections(1024 * MiB)
  expect(await youngCollections(256 * MiB)).toBeLessThanOrEqual(2)
})
