/** Small child programs for tests: the params of `loop/subprocessExec` that run them with this very Node. */

interface Exec {
  readonly program: string
  readonly args: readonly string[]
}

/** Runs `script` as a program of its own. */
export function script(text: string, ...args: string[]): Exec {
  return { program: process.execPath, args: ["-e", text, ...args] }
}

/** Runs a line of shell: starts ten times faster than Node. */
export function shell(line: string, ...args: string[]): Exec {
  return { program: "/bin/sh", args: ["-c", line, "sh", ...args] }
}

/** Says `ready`, then lives until it is killed; SIGTERM does nothing to it. */
export const stubborn = shell('trap "" TERM; echo ready; while :; do sleep 1000 & wait; done')

/** Sends back what it gets, until the end of its input. */
export const cat: Exec = { program: "cat", args: [] }

/** Writes without an end. */
export const spew: Exec = { program: "yes", args: [] }

/** Exits with 3, and leaves a grandchild behind that holds its output and prints its own process id first. */
export const holdsPipes = shell("sleep 1000 & echo $!; exit 3")
