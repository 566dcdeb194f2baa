import type { HandlersOf } from "./context.ts"

export const daemonHandlers: HandlersOf<"daemon"> = {
  "daemon/info": (_params, { daemon }) => daemon.info(),
  "daemon/statistics": (_params, { daemon }) => daemon.statistics(),
  "daemon/watch": ({ watch }, { daemon, session }) => {
    daemon.watchers.set(session, watch)
    return null
  },
  "daemon/descriptorSocket": async (_params, { session }) => ({ path: await session.descriptorSocket() }),
  "daemon/shutdown": ({ graceMs }, { daemon, afterReply }) => {
    afterReply(() => daemon.shutdown(graceMs))
    return null
  },
}
