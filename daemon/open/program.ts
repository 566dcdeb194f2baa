/** Finds a program as `execvp` does, where we must know before the shell does. */
import { access, constants, stat } from "node:fs/promises"
import { delimiter, resolve } from "node:path"
import { rpcError } from "../../protocol/errors.ts"

/** Where `execvp` looks when there is no PATH. */
const DEFAULT_PATH = "/usr/local/bin:/bin:/usr/bin"

/** The path of `program` as the child will see it. Fails with SpawnFailed: ENOENT, or EACCES for what cannot be run. */
export async function findProgram(program: string, env: Readonly<Record<string, string>>, cwd = "."): Promise<string> {
  const folders = program.includes("/") ? [""] : (env.PATH ?? DEFAULT_PATH).split(delimiter)
  let errno = "ENOENT"
  for (const folder of folders) {
    const path = resolve(cwd, folder, program)
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
