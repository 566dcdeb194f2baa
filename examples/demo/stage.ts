/**
 * Where the demonstration happens: prints what a person watches, and holds every claim to the facts.
 * Knows nothing of the scenes.
 */

/** What a scene gets to speak with. */
export class Stage {
  #scenes = 0
  #claims = 0
  #broken = 0

  /** Claims made so far. */
  get claims(): number {
    return this.#claims
  }

  /** Claims that did not hold. */
  get broken(): number {
    return this.#broken
  }

  scene(title: string): void {
    print(`\n${++this.#scenes}. ${title}\n`)
  }

  /** Something that happens. */
  say(line: string): void {
    print(`   ${line}`)
  }

  /** Something that is claimed: printed with the outcome of the check. */
  expect(claim: string, holds: boolean, found?: unknown): void {
    this.#claims++
    if (!holds) this.#broken++
    print(`   ${holds ? "✓" : "✗"} ${claim}${holds || found === undefined ? "" : ` (found ${JSON.stringify(found)})`}`)
  }
}

/** Bytes for a reader: exact, with thousands apart. */
export function bytes(count: number): string {
  return `${count.toLocaleString("en").replaceAll(",", " ")} bytes`
}

/** Resolves once `look` says true; rejects, naming what was waited for, when that takes far too long. */
export async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 20_000
  while (!(await look())) {
    if (Date.now() > deadlineMs) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
