/** What a child of this client sees of its surroundings: the only place in the library that reads the environment. */

interface Surroundings {
  readonly cwd: string
  readonly env: Record<string, string>
  readonly clearEnv: true
  readonly umask: number
}

/** This process's working directory, environment and umask, in place of the daemon's (asyncio: a child inherits ours). */
export function surroundings(): Surroundings {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return { cwd: process.cwd(), env, clearEnv: true, umask: process.umask() }
}
