/** The picture of a run: what is drawn, and where. */
import { describe, expect, it } from "vitest"
import { chartOf } from "../../bench/chart.ts"
import type { Row } from "../../bench/measure.ts"
import { results } from "./results.ts"

const svg = chartOf(results.rows, "a <caption> & more")

describe("the chart", () => {
  it("is the picture that was looked at", async () => {
    await expect(svg).toMatchFileSnapshot("chart.svg")
  })

  it("is the same for the same rows", () => {
    expect(chartOf(results.rows, "a <caption> & more")).toBe(svg)
  })

  it("shows what has a goal, and whether it is met", () => {
    expect(svg.match(/<g class="met">/g)).toHaveLength(1)
    expect(svg.match(/<g class="missed">/g)).toHaveLength(1)
    expect(svg).not.toContain("no daemon")
  })

  it("escapes what it is given", () => {
    expect(svg).toContain("a &lt;caption&gt; &amp; more")
    expect(svg).toContain("to node &lt;-e&gt; 0")
  })

  it("has colours for light and for dark, and needs no background of the page", () => {
    expect(svg).toContain("@media (prefers-color-scheme: dark)")
    expect(svg).toContain('<rect class="paper"')
  })

  it("puts a ratio beyond the axis at its end, and even in the middle", () => {
    const [x] = /circle cx="(\d+)"/.exec(chartOf([row(10_000)], ""))?.slice(1) ?? []
    const [end] = /circle cx="(\d+)"/.exec(chartOf([row(8)], ""))?.slice(1) ?? []
    const [start] = /circle cx="(\d+)"/.exec(chartOf([row(1 / 8)], ""))?.slice(1) ?? []
    const [middle] = /circle cx="(\d+)"/.exec(chartOf([row(1)], ""))?.slice(1) ?? []
    expect(x).toBe(end)
    expect(Number(middle)).toBe((Number(start) + Number(end)) / 2)
  })
})

function row(figure: number): Row {
  return { what: "it", unit: "s", of: "one", to: "other", figure, reference: 1, goal: { atMost: 1 } }
}
