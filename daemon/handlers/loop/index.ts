/** The requests that make transports, one file for each kind. */
import type { HandlersOf } from "../context.ts"
import { datagramHandlers } from "./datagram.ts"
import { fileHandlers } from "./file.ts"
import { nameHandlers } from "./names.ts"
import { pipeHandlers } from "./pipe.ts"
import { processHandlers } from "./process.ts"
import { tcpHandlers } from "./tcp.ts"
import { tlsHandlers } from "./tls.ts"
import { unixHandlers } from "./unix.ts"

export const loopHandlers: HandlersOf<"loop"> = {
  ...tcpHandlers,
  ...unixHandlers,
  ...tlsHandlers,
  ...datagramHandlers,
  ...pipeHandlers,
  ...processHandlers,
  ...nameHandlers,
  ...fileHandlers,
}
