/** `transportd serve`: a daemon in the foreground, for a terminal or a service manager. */
import { closeSync, writeSync } from "node:fs"
import type { Daemon } from "transportd/daemon"
import { stayAliveUntil } from "../ending.ts"
import { exitCode } from "../exitCodes.ts"
import { makeHeapRoom } from "../heapRoom.ts"
import { tell } from "../print.ts"
import { numberOption, socketOption, type Verb } from "../verb.ts"

interface Options {
  readonly socket?: string
  readonly readyFd?: number
}

export const serve: Verb<Options> = {
  options: [
    socketOption,
    numberOption("--ready-fd <number>", "write a newline to this descriptor and close it once clients can connect"),
  ],
  example: "transportd serve --socket /tmp/transportd.sock",
  ownSignals: true,
  async run(_operands, { socket, readyFd }) {
    const {
      createDaemon,
      inheritedDescriptors,
      inheritedListeners,
      keepFromChildren,
      makeLog,
      settingsFromEnvironment,
    } = await import("transportd/daemon")
    keepFromChildren()
    const spokenFor = Array.from({ length: inheritedListeners() }, (_, index) => 3 + index).concat(readyFd ?? [])
    const descriptors = inheritedDescriptors(spokenFor)
    const settings = settingsFromEnvironment()
    const daemon = createDaemon({ settings, descriptors, log: makeLog(process.stderr, settings.logLevel) })
    endOnSignals(daemon)
    for (const place of await listen(daemon, socket)) tell(`listening on ${place}`)
    if (readyFd !== undefined) sayReady(readyFd)
    makeHeapRoom()
    await stayAliveUntil(daemon.ended)
    return exitCode("ok")
  },
}

/** Where it listens: the sockets that a service manager handed over, else the path. Both when a path was named. */
async function listen(daemon: Daemon, socket?: string): Promise<string[]> {
  const { defaultSocketPath, inheritedListeners } = await import("transportd/daemon")
  const places: string[] = []
  const count = inheritedListeners()
  for (let fd = 3; fd < 3 + count; fd++) {
    await daemon.adopt(fd)
    places.push(`inherited descriptor ${fd}`)
  }
  if (count > 0 && socket === undefined) return places
  const path = defaultSocketPath(socket)
  // The default place is a directory of ours alone; of one that somebody chose we ask less.
  await daemon.listen(path, { privateDirectory: path === defaultSocketPath(undefined, withoutChoice()) })
  return [...places, path]
}

function withoutChoice(): NodeJS.ProcessEnv {
  const { TRANSPORTD_SOCKET: _, ...rest } = process.env
  return rest
}

/** The first signal lets everything end in order; the second does not wait. */
function endOnSignals(daemon: Daemon): void {
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }
  let asked = false
  for (const [signal, number] of Object.entries(numbers)) {
    process.on(signal, () => {
      if (asked) process.exit(128 + number)
      asked = true
      daemon.shutdown()
    })
  }
}

function sayReady(fd: number): void {
  writeSync(fd, "\n")
  closeSync(fd)
}
