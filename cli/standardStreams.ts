/** This process's stdin and stdout as the two ends of a relay. */
import { fstatSync } from "node:fs"
import type { RelayOptions } from "./relay.ts"

/**
 * stdin goes to the remote, what comes from there to stdout. A file is sent to its end, whenever the remote ends; a
 * terminal or a pipe may never end, and is not waited for.
 */
export function standardStreams(): RelayOptions {
  return { source: process.stdin, sink: process.stdout, toTheEnd: fstatSync(0).isFile() }
}
