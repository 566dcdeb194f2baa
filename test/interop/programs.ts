/**
 * Programs that nobody here wrote: whether they are there, and how they are started.
 * Knows nothing of what is said to them.
 */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { describe } from "vitest"
import type { Running, Sandbox } from "../cli/sandbox.ts"
import { closedPort } from "../support/peers.ts"

type Command = readonly [string, ...string[]]

/** The path of `program`, or null. Debian keeps servers where not every user looks. */
export function find(program: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"]
  for (const path of folders.map((folder) => join(folder, program))) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not there: the next may be.
    }
  }
  return null
}

/** The tests of what needs `programs`; where one is missing they are skipped, and say why. */
export function describeWith<const Programs extends readonly string[]>(
  programs: Programs,
  body: (paths: { readonly [Index in keyof Programs]: string }) => void,
): void {
  const missing = [...new Set(programs)].filter((program) => find(program) === null)
  const paths = programs.map((program) => find(program) ?? program) as { [Index in keyof Programs]: string }
  if (missing.length > 0) describe.skip(`without ${missing.join(" and ")}, which is not installed`, () => body(paths))
  else describe(`with ${[...new Set(programs)].join(" and ")}`, () => body(paths))
}

/**
 * Starts a server on a TCP port of its own, which it can only be told: another process may take that port first, and
 * then the next is tried.
 */
export async function startOnPort(
  sandbox: Sandbox,
  command: (port: number) => Command,
  ready: (running: Running) => Promise<unknown>,
): Promise<number> {
  for (let left = 4; ; left--) {
    const port = await closedPort()
    try {
      await ready(sandbox.startProgram(command(port)))
      return port
    } catch (error) {
      if (left === 0) throw error
    }
  }
}
