/** Numbers out of rounds: medians, percentiles, and rounds that take turns so that a busy moment hits everybody. */

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The value that `percent` of all are at or below. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  const rank = Math.ceil((percent / 100) * sorted.length) - 1
  return sorted[Math.max(0, rank)] ?? Number.NaN
}

/**
 * Runs `round` for each of `names` in turn, `rounds` times, after one turn that does not count: A B A B A B.
 * What is given back is what each name gave, in order.
 */
export async function interleaved<Name extends string, Result>(
  names: readonly Name[],
  rounds: number,
  round: (name: Name) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>
  for (let turn = -1; turn < rounds; turn++) {
    for (const name of names) {
      const result = await round(name)
      if (turn >= 0) results[name].push(result)
    }
  }
  return results
}

/** One number of each result that {@link interleaved} gave, where a result has several. */
export function each<Name extends string, Result>(
  results: Readonly<Record<Name, readonly Result[]>>,
  pick: (result: Result) => number,
): Record<Name, number[]> {
  const entries = Object.entries<readonly Result[]>(results).map(([name, of]) => [name, of.map(pick)])
  return Object.fromEntries(entries) as Record<Name, number[]>
}

/** Seconds that `action` takes. */
export async function seconds(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await action()
  return (performance.now() - startMs) / 1000
}
