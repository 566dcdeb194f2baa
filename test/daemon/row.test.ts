/** The row against an array that does the same. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { Row } from "../../daemon/hold/row.ts"

const steps = fc.array(fc.tuple(fc.constantFrom("push", "push", "shift", "delete"), fc.nat({ max: 12 })), {
  maxLength: 200,
})

it("is an array without doubles, whatever is done with it", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const row = new Row<number>()
      let array: number[] = []
      for (const [step, item] of all) {
        if (step === "push") {
          row.push(item)
          if (!array.includes(item)) array.push(item)
        } else if (step === "delete") {
          row.delete(item)
          array = array.filter((each) => each !== item)
        } else expect(row.shift()).toBe(array.shift())
        expect(new Set(row)).toEqual(new Set(array))
        expect(row.length).toBe(array.length)
      }
    }),
  )
})
