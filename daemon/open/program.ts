/** Finds a program as `execvp` does, where we must know before the shell does. */
import { access, constants, stat } from "node:fs/promises"
import { delimiter, resolve } from "node:path"
import { rpcError } from "../../protocol/errors.ts"

/** Where `execvp` looks when there is no PATH. */
const DEFAULT_PATH = "/usr/local/bin:/bin:/usr/bin"

/** The paths at which `execvp` tries `program`, in order. Source: exec(3). */
export function placesOf(program: string, { PATH }: Readonly<Record<string, string>>): string[] {
  if (program.includes("/")) return [program]
  return (PATH ?? DEFAULT_PATH).split(delimiter).map((folder) => `${folder === "" ? "." : folder}/${program}`)
}

/** The path of `program` as the child will see it. Fails with SpawnFailed: ENOENT, or EACCES for what cannot be run. */
export async function findProgram(program: string, env: Readonly<Record<string, string>>, cwd = "."): Promise<string> {
  let errno = "ENOENT"
  for (const place of placesOf(program, env)) {
    const path = resolve(cwd, place)
    const found = await stat(path).catch(() => null)
    if (found === null) continue
    const runnable =
      found.isFile() &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    if (runnable) return path
    errno = "EACCES"
  }
  throw rpcError("SpawnFailed", `cannot start ${program}: ${errno === "ENOENT" ? "no such program" : errno}`, {
    file: program,
    errno,
  })
}
