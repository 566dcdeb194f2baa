/** Opens listening TCP sockets, one for each address, as asyncio does. */
import { createServer, isIP, type AddressInfo, type Server, type Socket } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { openFailure } from "../failures.ts"
import { boundAddress, type InetAddress } from "../transports/tcp.ts"
import { resolveHost } from "./resolve.ts"

export type ListenParams = Pick<ParsedParams<"loop/createServer">, "host" | "family" | "backlog"> & {
  readonly port: number
}

export interface ListeningSocket {
  readonly server: Server
  readonly address: InetAddress
}

/**
 * Listens on every address of the hosts. Fails as a whole: what was opened before a failure is closed again.
 * @param onConnection gets sockets that have not been read from.
 * Source: asyncio `loop.create_server`.
 */
export async function listen(params: ListenParams, onConnection: (socket: Socket) => void): Promise<ListeningSocket[]> {
  const opened: ListeningSocket[] = []
  try {
    for (const address of await addresses(params)) opened.push(await listenOn(address, params, onConnection))
    return opened
  } catch (error) {
    for (const { server } of opened) server.close()
    throw openFailure(error)
  }
}

async function addresses({ host, family }: ListenParams): Promise<string[]> {
  const hosts = host === null || host === undefined ? [""] : [host].flat()
  const found = await Promise.all(hosts.map((each) => (each === "" ? anyAddresses() : resolveHost(each, { family }))))
  const wanted = [...new Set(found.flat())].filter((address) => family === undefined || isIP(address) === family)
  if (wanted.length > 0) return wanted
  throw rpcError("ResolveFailed", "no address of that family", { host: hosts.join(", "), reason: "EAI_FAMILY" })
}

/** Both families, where the machine has IPv6. */
function anyAddresses(): Promise<string[]> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on("error", () => resolve(["0.0.0.0"]))
    probe.listen({ host: "::", port: 0, ipv6Only: true }, () => probe.close(() => resolve(["0.0.0.0", "::"])))
  })
}

function listenOn(
  host: string,
  params: ListenParams,
  onConnection: (socket: Socket) => void,
): Promise<ListeningSocket> {
  const { port, backlog } = params
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection)
    server.once("error", reject)
    // ipv6Only: asyncio keeps the two families on sockets of their own.
    server.listen({ host, port, backlog, ipv6Only: isIP(host) === 6 }, () => {
      server.off("error", reject)
      // A failed accept (EMFILE) must not end the daemon; the next one is tried all the same.
      server.on("error", () => {})
      resolve({ server, address: boundAddress(server.address() as AddressInfo) })
    })
  })
}
