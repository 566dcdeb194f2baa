/** `transportd stdio`: one client on stdin and stdout; the daemon ends with it. */
import { stayAliveUntil } from "../ending.ts"
import { exitCode } from "../exitCodes.ts"
import { Failure } from "../failure.ts"
import { makeHeapRoom } from "../heapRoom.ts"
import { option, type Verb } from "../verb.ts"

interface Options {
  readonly framing: "header" | "newline"
}

export const stdio: Verb<Options> = {
  options: [
    option("--framing <kind>", "how messages are cut from bytes", {
      choices: ["header", "newline"],
      default: "header",
      env: "TRANSPORTD_FRAMING",
    }),
  ],
  example:
    'echo \'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\' | transportd stdio --framing newline',
  ownSignals: true,
  ownOutput: true,
  async run(_operands, { framing }) {
    if (process.stdin.isTTY || process.stdout.isTTY) {
      const sentence =
        "stdio speaks JSON-RPC to the program that started it, not to a terminal; try `transportd serve` or `transportd call`"
      throw new Failure("usage", sentence)
    }
    const {
      createDaemon,
      inheritedDescriptors,
      keepFromChildren,
      makeLog,
      parentChannel,
      serveStdio,
      settingsFromEnvironment,
    } = await import("transportd/daemon")
    keepFromChildren()
    const channel = parentChannel()
    const descriptors = inheritedDescriptors()
    const settings = settingsFromEnvironment()
    const daemon = createDaemon({ settings, descriptors, log: makeLog(process.stderr, settings.logLevel) })
    // Ctrl-C and a closed terminal reach the whole process group: what they mean is for the client to decide, and when
    // it ends, our input does.
    process.on("SIGINT", () => {}).on("SIGHUP", () => {})
    let asked = false
    process.on("SIGTERM", () => {
      if (asked) process.exit(128 + 15)
      asked = true
      daemon.shutdown()
    })
    const streams = { input: process.stdin, output: process.stdout }
    const served = serveStdio(daemon, { ...streams, framing, ...(channel && { channel }) })
    makeHeapRoom()
    const status = await stayAliveUntil(served)
    return status === 0 ? exitCode("ok") : exitCode("failure")
  },
}
