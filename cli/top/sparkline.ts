/** Numbers as a row of bars, one character each. Pure. */
const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const

/** The last `width` of `values`, measured by their largest; the latest stands to the right. Only nothing is the lowest. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width)
  const largest = Math.max(...shown, 0)
  const bar = (value: number): string => {
    if (value <= 0) return BARS[0]
    return BARS[Math.min(BARS.length - 1, Math.ceil((value / largest) * (BARS.length - 1)))] as string
  }
  return shown.map(bar).join("").padStart(width)
}
