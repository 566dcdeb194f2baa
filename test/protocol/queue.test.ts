/** The queue against an array that does the same. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { Queue } from "../../protocol/queue.ts"

const steps = fc.array(fc.constantFrom("push", "push", "push", "shift", "shift", "unshift", "clear"), {
  maxLength: 200,
})

it("is what an array is, whatever is done with it", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new Queue<number>()
      const array: number[] = []
      for (const [item, step] of all.entries()) {
        if (step === "clear") {
          queue.clear()
          array.length = 0
        } else if (step === "shift") expect(queue.shift()).toBe(array.shift())
        else {
          queue[step](item)
          array[step](item)
        }
        expect([...queue]).toEqual(array)
        expect(queue.length).toBe(array.length)
        expect(queue.first).toBe(array[0])
      }
    }),
  )
})
