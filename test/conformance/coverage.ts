/**
 * Which statements the tests of this folder prove: found by reading the sources, so that the page and the tests cannot
 * say different things. Pure; the caller reads the files.
 */

/** One call of `proves`, `provesFor` or `skipped`. */
export interface Claim {
  readonly id: string
  /** The test file, from the root. */
  readonly file: string
  /** What is shown, or why it is not; the kinds it is shown for are left out. */
  readonly sentence: string
  readonly proven: boolean
}

// The call, the id, and the first string behind it that is no list of kinds.
const CLAIM =
  /^(proves|provesFor|skipped)\(\s*"([^"]*)",\s*(?:\[[^\]]*\],\s*|[A-Za-z_][\w.()]*,\s*)?"((?:[^"\\]|\\.)*)"/gm

/** Every claim in `text`, in order. */
export function claimsOf(file: string, text: string): Claim[] {
  return [...text.matchAll(CLAIM)].map(([, call, id = "", sentence = ""]) => ({
    id,
    file,
    sentence: sentence.replaceAll(/\\(.)/g, "$1"),
    proven: call !== "skipped",
  }))
}
