/** Opens UDP sockets: names, families, what is set before anything can be sent, multicast. */
import { createSocket, type Socket } from "node:dgram"
import { isIP } from "node:net"
import { rpcError } from "../../protocol/errors.ts"
import type { ParsedParams } from "../../protocol/registry.ts"
import { openFailure } from "../failures.ts"
import { changeMulticast, type Destination } from "../transports/datagram.ts"
import { resolveHost } from "./resolve.ts"

export type BindParams = Omit<ParsedParams<"loop/createDatagramEndpoint">, "options">

export interface BoundSocket {
  readonly socket: Socket
  readonly family: 4 | 6
  /** The one address that it sends to, if there is one. */
  readonly remote: Destination | null
  /** Whether the system keeps it to that address. */
  readonly connected: boolean
}

/**
 * A bound socket that nothing was read from. Fails with OsFailure, ResolveFailed, TimedOut or NotSupported; a failed
 * attempt leaves nothing. Names are looked up before there is a socket, so nothing can come before it is listened to.
 * Source: asyncio `loop.create_datagram_endpoint`.
 */
export async function bind(params: BindParams, signal: AbortSignal): Promise<BoundSocket> {
  if (params.reusePort) checkReusePort()
  const { family, local, remote } = await addresses(params, signal)
  const connected = remote !== null && !params.allowBroadcast
  const socket = createSocket({
    type: family === 4 ? "udp4" : "udp6",
    // asyncio keeps the two families on sockets of their own.
    ipv6Only: family === 6,
    reuseAddr: params.multicast?.reuseAddress === true,
    ...(params.reusePort && { reusePort: true }),
    // Whoever sends gives addresses of the family: looked up within the call, so that the order of sends is kept.
    lookup: (host, _options, found) => found(null, host, family),
  })
  try {
    await settled(socket, (done) =>
      socket.bind({ port: local?.port ?? 0, ...(local && { address: local.host }) }, done),
    )
    if (params.allowBroadcast) socket.setBroadcast(true)
    if (connected) await settled(socket, (done) => socket.connect(remote.port, remote.host, done))
    if (params.multicast !== undefined) changeMulticast(socket, params.multicast)
    return { socket, family, remote, connected }
  } catch (error) {
    socket.close()
    throw openFailure(error)
  }
}

/** The first address of the name that fits the family. */
export async function resolveOne(host: string, family: 4 | 6, signal?: AbortSignal): Promise<string> {
  const [address] = await resolveHost(host, { family, signal })
  return address as string
}

/** Every address in one family: the one asked for, else the first that both have. */
async function addresses(
  { localAddr, remoteAddr, family }: BindParams,
  signal: AbortSignal,
): Promise<{ family: 4 | 6; local: Destination | null; remote: Destination | null }> {
  const [locals, remotes] = await Promise.all([found(localAddr, family, signal), found(remoteAddr, family, signal)])
  for (const wanted of [4, 6] as const) {
    if (family !== undefined && family !== wanted) continue
    const fits = ({ host }: Destination): boolean => isIP(host) === wanted
    const [local, remote] = [locals?.find(fits), remotes?.find(fits)]
    if ((locals === null || local !== undefined) && (remotes === null || remote !== undefined)) {
      return { family: wanted, local: local ?? null, remote: remote ?? null }
    }
  }
  const host = [localAddr, remoteAddr]
    .map((address) => address?.host)
    .join(" ")
    .trim()
  throw rpcError("ResolveFailed", `no address of one family for ${host}`, { host, reason: "EAI_ADDRFAMILY" })
}

async function found(
  address: Destination | undefined,
  family: 4 | 6 | undefined,
  signal: AbortSignal,
): Promise<Destination[] | null> {
  if (address === undefined) return null
  const hosts =
    address.host === "" ? ["0.0.0.0", "::"] : await resolveHost(address.host, { family, signal }).catch(rethrow)
  return hosts.map((host) => ({ host, port: address.port }))
}

function rethrow(error: unknown): never {
  throw openFailure(error)
}

/** Node says yes to what it does not do: this is the version that came to do it. */
function checkReusePort(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return
  const message = `reusePort needs Node 22.12 or 23.1, this daemon runs on ${process.versions.node}`
  throw rpcError("NotSupported", message, { kind: "udp", operation: "reusePort" })
}

/** Runs `act`, which calls back once it is done; a failure comes as an event or with the call. */
function settled(socket: Socket, act: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject)
    act((error) => {
      socket.off("error", reject)
      if (error === undefined) resolve()
      else reject(error)
    })
  })
}
