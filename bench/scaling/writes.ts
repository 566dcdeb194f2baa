/** What one small write costs while a thousand, ten thousand, a hundred thousand of them are on their way. */
import { join } from "node:path"
import { connect, type Transport } from "transportd/client"
import type { Field } from "../field.ts"
import { startDaemon } from "../processes.ts"
import { Costs } from "./growth.ts"

const WARM = 1000
const ONE = Buffer.from("x")

let daemons = 0

export async function writeCosts({ folder, ports }: Field, size: number): Promise<Costs> {
  const daemon = await startDaemon(join(folder, `writes-${++daemons}.sock`))
  const costs = new Costs(daemon.pid)
  const client = await connect(daemon)
  let back = (_bytes: number): void => {}
  const protocol = { dataReceived: (data: Buffer) => back(data.length) }
  const where = { host: "127.0.0.1", port: ports.echo }
  const [transport] = await client.loop.createConnection(() => protocol, where)
  const echoed = (transport: Transport, count: number): Promise<void> =>
    new Promise((resolve) => {
      let missing = count
      back = (bytes) => {
        if ((missing -= bytes) === 0) resolve()
      }
      for (let written = 0; written < count; written++) transport.write(ONE)
    })
  await echoed(transport, WARM)
  const before = process.cpuUsage()
  await costs.processor("in the daemon", size, () => echoed(transport, size))
  const { user, system } = process.cpuUsage(before)
  costs.set("in the client", "µs", (user + system) / size)
  await client.close()
  await daemon.stop()
  return costs
}
