import { openrpcDocument } from "../../protocol/openrpc.ts"
import { VERSION } from "../../protocol/version.ts"
import type { Handlers } from "./context.ts"

export const lifecycleHandlers: Pick<Handlers, "initialize" | "initialized" | "shutdown" | "exit" | "rpc.discover"> = {
  initialize: (params, { session }) => session.initialize(params),
  initialized: () => {},
  shutdown: (_params, { session }) => {
    session.shutdown()
    return null
  },
  exit: (_params, { session }) => session.exit(),
  "rpc.discover": () => openrpcDocument(VERSION),
}
