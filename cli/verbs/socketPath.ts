/** `transportd socket-path`: where the daemon of this user listens, and clients look for it. */
import { exitCode } from "../exitCodes.ts"
import { say } from "../print.ts"
import { socketPath } from "../socketPath.ts"
import { socketOption, type Verb } from "../verb.ts"

export const printSocketPath: Verb<{ readonly socket?: string }> = {
  options: [socketOption],
  example: 'TRANSPORTD_SOCKET="$(transportd socket-path)" some-client',
  async run(_operands, { socket }) {
    say(socketPath(socket))
    return exitCode("ok")
  },
}
