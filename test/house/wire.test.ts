/** The wire in memory that the other tests trust: it ends as a socket does. */
import { once } from "node:events"
import { setImmediate } from "node:timers/promises"
import { expect, test } from "vitest"
import { randomFor } from "../support/random.ts"
import { wirePair } from "../support/wire.ts"

test("an end that is destroyed in mid-write drops the rest, and its remote sees an end and no error", async () => {
  const [near, far] = wirePair(randomFor("destroyed in mid-write"))
  const errors: Error[] = []
  for (const end of [near, far]) end.on("error", (error) => errors.push(error))
  near.write(Buffer.alloc(1_000_000))
  await once(far, "data")
  near.destroy()
  far.resume()
  await once(far, "end")
  // The piece that was next would have come by now.
  await setImmediate()
  expect(errors).toEqual([])
})
