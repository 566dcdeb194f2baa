/** Everything that a measure may use: the processes, and the ways through them. Made once, ended once. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startDaemon, startRole, type Role } from "./processes.ts"
import { throughJson, throughLibrary, type LibraryWay } from "./ways/daemon.ts"
import { direct, relayed } from "./ways/socket.ts"
import { throughStock, type StockWay } from "./ways/stock.ts"
import type { Ports, Way } from "./ways/way.ts"

export type WayName = "no daemon" | "relay" | "daemon" | "daemon, JSON" | "stock"

export interface Field {
  readonly folder: string
  readonly ports: Ports
  readonly library: LibraryWay
  readonly stock: StockWay
  readonly ways: Readonly<Record<WayName, Way>>
  end(): Promise<void>
}

export async function prepareField(): Promise<Field> {
  const folder = mkdtempSync(join(tmpdir(), "transportd-bench-"))
  const remote = await startRole<Ports>("remote")
  const ports = remote.ready
  const targets = Object.entries(ports).map(([name, port]) => `${name}=${port}`)
  const socket = join(folder, "daemon.sock")
  const stockSocket = join(folder, "stock.sock")
  const roles: Array<Role<unknown>> = await Promise.all([
    startRole("relay", folder, ...targets),
    startRole("stockDaemon", stockSocket),
    startDaemon(socket),
  ])
  const library = await throughLibrary(socket, ports)
  const stock = await throughStock(stockSocket, ports)
  const ways = {
    "no daemon": direct(ports),
    relay: relayed(folder),
    daemon: library,
    "daemon, JSON": await throughJson(socket, ports),
    stock,
  }
  return {
    folder,
    ports,
    library,
    stock,
    ways,
    end: async () => {
      await Promise.all(Object.values(ways).map((way) => way.end()))
      await Promise.all([remote, ...roles].map((role) => role.stop()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
