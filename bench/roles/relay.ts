/**
 * A bare relay, the least that a process in between can cost: each connection to `FOLDER/NAME.sock` is piped to a TCP
 * port and back. Arguments: FOLDER NAME=PORT …
 */
import { once } from "node:events"
import { connect, createServer } from "node:net"
import { join } from "node:path"

const [folder = "", ...targets] = process.argv.slice(2)
for (const target of targets) {
  const [name, port] = target.split("=")
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port: Number(port), noDelay: true })
    near.pipe(far)
    far.pipe(near)
    near.on("error", () => far.destroy())
    far.on("error", () => near.destroy())
  })
  server.listen({ path: join(folder, `${name}.sock`), backlog: 2048 })
  await once(server, "listening")
}
process.stdout.write("{}\n")
process.stdin.on("end", () => process.exit()).resume()
