/** A client of the daemon that reads from several remotes as fast as it can: made to be stopped in the middle of it. */
import { connect } from "transportd/client"

const [socket = "", port = ""] = process.argv.slice(2)
const LINES = 4
const count = Buffer.alloc(8)
count.writeBigUInt64BE(1_000_000_000_000n)

const client = await connect({ socket })
const begun = Array.from({ length: LINES }, async () => {
  let begin = (): void => {}
  const first = new Promise<void>((resolve) => (begin = resolve))
  const protocol = { dataReceived: () => begin() }
  const [transport] = await client.loop.createConnection(() => protocol, { host: "127.0.0.1", port: Number(port) })
  transport.write(count)
  await first
})
await Promise.all(begun)
process.stdout.write("{}\n")
process.stdin.on("end", () => process.exit()).resume()
