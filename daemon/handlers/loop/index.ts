/** The requests that make transports, one file for each kind. */
import type { HandlersOf } from "../context.ts"
import { processHandlers } from "./process.ts"
import { tcpHandlers } from "./tcp.ts"

export const loopHandlers: HandlersOf<"loop"> = {
  ...tcpHandlers,
  ...processHandlers,
}
