/** All handlers: the type says which must be there. */
import type { Handlers } from "./context.ts"
import { daemonHandlers } from "./daemon.ts"
import { lifecycleHandlers } from "./lifecycle.ts"
import { loopHandlers } from "./loop/index.ts"
import { serverHandlers } from "./server.ts"
import { transportHandlers } from "./transport.ts"

export const handlers: Handlers = {
  ...lifecycleHandlers,
  ...loopHandlers,
  ...serverHandlers,
  ...transportHandlers,
  ...daemonHandlers,
}
