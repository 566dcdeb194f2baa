import type { HandlersOf } from "./context.ts"

export const daemonHandlers: HandlersOf<"daemon"> = {
  "daemon/info": (_params, { daemon }) => daemon.info(),
  "daemon/shutdown": ({ graceMs }, { daemon, afterReply }) => {
    afterReply(() => daemon.shutdown(graceMs))
    return null
  },
}
