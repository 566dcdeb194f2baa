/** asyncio's two resolver methods, from what Node has of them. */
import dns from "node:dns"
import { lookupService } from "node:dns/promises"
import { isIP } from "node:net"
import { rpcError, type RpcError } from "../../protocol/errors.ts"
import type { ParsedParams, RequestResult } from "../../protocol/registry.ts"
import { openFailure } from "../failures.ts"
import { lookups } from "./lookups.ts"
import { resolveHost } from "./resolve.ts"
import { portOf, serviceOf } from "./services.ts"

type Question = ParsedParams<"loop/getaddrinfo">
type Found = RequestResult<"loop/getaddrinfo">
type Kinds = Pick<Found[number], "type" | "proto">

/** What `getaddrinfo` gives for each address where nothing narrows it, in its order. */
const KINDS: readonly Kinds[] = [
  { type: "stream", proto: "tcp" },
  { type: "datagram", proto: "udp" },
  { type: "raw", proto: "ip" },
]

/** Platform: Node always asks for streams, so the other types of socket are added here; the addresses are the same. */
export async function getaddrinfo(question: Question, signal: AbortSignal): Promise<Found> {
  const { type, proto } = question
  const kinds = KINDS.filter((each) => (type ?? each.type) === each.type && (proto ?? each.proto) === each.proto)
  if (kinds.length === 0) throw resolveFailed(question.host, "EAI_SOCKTYPE")
  const [hosts, port] = [await addressesOf(question, signal), await portNumber(question, kinds)]
  return hosts.flatMap((host) => {
    const family = isIP(host) === 6 ? ("IPv6" as const) : ("IPv4" as const)
    return kinds.map((kind) => ({ family, ...kind, canonname: "", address: { host, port, family } }))
  })
}

export async function getnameinfo(
  { host, port, flags }: ParsedParams<"loop/getnameinfo">,
  signal: AbortSignal,
): Promise<RequestResult<"loop/getnameinfo">> {
  const [address] = await resolveHost(host, { signal }).catch(rethrow)
  const service = flags.includes("numericService")
    ? undefined
    : await serviceOf(port, flags.includes("datagram") ? "udp" : "tcp")
  const name = flags.includes("numericHost") ? undefined : await nameOf(address ?? host, port, signal)
  if (name === undefined && flags.includes("nameRequired")) throw resolveFailed(host, "EAI_NONAME")
  const shown = flags.includes("noFqdn") ? name?.split(".")[0] : name
  return { host: shown ?? address ?? host, service: service ?? String(port) }
}

/** The name of `address`; undefined when it has none. */
async function nameOf(address: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  const found = lookups.run(address, () => lookupService(address, port), signal)
  return found.then(
    ({ hostname }) => hostname,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOTFOUND") return undefined
      return rethrow(error)
    },
  )
}

async function addressesOf({ host, family, flags }: Question, signal: AbortSignal): Promise<string[]> {
  if (host === null || host === "") {
    const own = flags.includes("passive") ? ["0.0.0.0", "::"] : ["::1", "127.0.0.1"]
    return own.filter((address) => family === undefined || isIP(address) === family)
  }
  if (flags.includes("numericHost") && isIP(host) === 0) throw resolveFailed(host, "EAI_NONAME")
  const found = await resolveHost(host, { family, hints: hintsOf(flags), signal }).catch(rethrow)
  const fitting = found.filter((address) => family === undefined || isIP(address) === family)
  if (fitting.length === 0) throw resolveFailed(host, "EAI_ADDRFAMILY")
  return fitting
}

function hintsOf(flags: Question["flags"]): number {
  const has = (flag: Question["flags"][number], hint: number): number => (flags.includes(flag) ? hint : 0)
  return has("addrConfig", dns.ADDRCONFIG) | has("v4Mapped", dns.V4MAPPED) | has("all", dns.ALL)
}

async function portNumber({ host, port, flags }: Question, kinds: readonly Kinds[]): Promise<number> {
  if (port === null || port === undefined || port === "") return 0
  if (typeof port === "number") return port
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) return Number(port)
  const protos = kinds.map(({ proto }) => proto)
  const found = flags.includes("numericService") ? undefined : await portOf(port, protos)
  if (found === undefined) throw resolveFailed(host, "EAI_SERVICE")
  return found
}

function resolveFailed(host: string | null, reason: string): RpcError {
  return rpcError("ResolveFailed", `cannot resolve ${host ?? "this host"} (${reason})`, { host: host ?? "", reason })
}

function rethrow(error: unknown): never {
  throw openFailure(error)
}
