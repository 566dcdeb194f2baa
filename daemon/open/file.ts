/** Opens regular files to read, and nothing else: no pipe that would wait for a writer, no device that would act. */
import { constants } from "node:fs"
import { open, type FileHandle } from "node:fs/promises"
import { rpcError } from "../../protocol/errors.ts"
import { openFailure } from "../failures.ts"

/** Fails with OsFailure (ENOENT, EACCES, …), or InvalidParams for what is no regular file. */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants
  const file = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY).catch(rethrow)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw rpcError("InvalidParams", `${path} is no regular file`)
}

function rethrow(error: unknown): never {
  throw openFailure(error)
}
