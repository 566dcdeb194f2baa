/**
 * Every status that the command ends with: what a script can rely on.
 * The help and `docs/cli.md` show this very table.
 */

/** One row per status; `run` also ends with its child's own, and with 128 + n when signal n ended the child. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: "done" },
  failure: { code: 1, meaning: "it did not work; stderr says why" },
  usage: { code: 2, meaning: "the command line makes no sense" },
  notRunning: { code: 3, meaning: "no daemon is running, or what was named is not there" },
  permission: { code: 4, meaning: "not allowed" },
  unreachable: { code: 5, meaning: "the daemon does not answer, or was lost on the way" },
  timedOut: { code: 124, meaning: "it took longer than allowed" },
  daemonTrouble: { code: 125, meaning: "run: the daemon failed, not the command" },
  cannotRun: { code: 126, meaning: "run: the command was found and cannot be run" },
  notFound: { code: 127, meaning: "run: the command was not found" },
  interrupted: { code: 130, meaning: "Ctrl-C" },
} as const satisfies Record<string, { code: number; meaning: string }>

export type ExitName = keyof typeof EXIT_CODES

/** The status of a row of {@link EXIT_CODES}. */
export function exitCode(name: ExitName): number {
  return EXIT_CODES[name].code
}

/** The status of a process with asyncio's `returncode`: as shells have it, 128 + n for signal n. */
export function exitCodeOf(returncode: number): number {
  return returncode < 0 ? 128 - returncode : returncode
}

/** The table for `--help`. */
export function exitCodeHelp(): string {
  const lines = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
  return ["Exit status:", ...lines, "  run ends as its command does: with its status, or 128 + n after signal n"].join(
    "\n",
  )
}
