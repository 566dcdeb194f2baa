/** Files through transports. */
import { closedTransport } from "../../failures.ts"
import { FileFeed } from "../../hold/fileFeed.ts"
import { openRegularFile } from "../../open/file.ts"
import type { Handlers } from "../context.ts"
import { free, writable } from "../targets.ts"

export const fileHandlers: Pick<Handlers, "loop/sendfile"> = {
  "loop/sendfile": async ({ transport, path, ...part }, context) => {
    const sink = free(writable(transport, context, "sendfile"), context)
    if (sink.stream.isClosing || sink.stream.wroteEof) throw closedTransport(sink.id)
    // Order: from here on what the client writes stands behind the file, whatever becomes of it.
    const feed = new FileFeed(sink, context.signal)
    try {
      await using file = await openRegularFile(path)
      return { sent: await feed.send(file, part) }
    } finally {
      feed.giveBack()
    }
  },
}
