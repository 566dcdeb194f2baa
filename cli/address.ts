/** Addresses as people write them: `HOST:PORT`, `[::1]:80`, `HOST PORT`. Pure. */
import { Failure } from "./failure.ts"

export interface HostPort {
  readonly host: string
  readonly port: number
}

/**
 * The address in one or two operands.
 * @param otherwise the host where only a port is given; without it a host is needed.
 */
export function parseAddress(operands: readonly string[], otherwise?: string): HostPort {
  const [given, port] = split(operands)
  const host = given || otherwise
  if (host === undefined) throw usage(`${operands.join(" ")} names no host`)
  return { host, port: parsePort(port) }
}

/** An address as it is written: IPv6 in brackets. */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

/** What the daemon says of an address, in one word. */
export function describeAddress(address: unknown): string {
  if (typeof address === "string") return address
  const { host, port, path } = (address ?? {}) as { host?: string; port?: number; path?: string }
  if (path !== undefined) return path
  return host === undefined || port === undefined ? "?" : formatAddress({ host, port })
}

function split(operands: readonly string[]): [host: string, port: string] {
  const [first = "", second, ...more] = operands
  if (more.length > 0) throw usage(`${operands.join(" ")} is more than a host and a port`)
  if (second !== undefined) return [withoutBrackets(first), second]
  const colon = first.lastIndexOf(":")
  if (colon === -1) return ["", first]
  const host = first.slice(0, colon)
  if (host.includes(":") && !host.startsWith("[")) throw usage(`${first} could be cut in several ways`)
  return [withoutBrackets(host), first.slice(colon + 1)]
}

function withoutBrackets(host: string): string {
  if (!host.startsWith("[")) return host
  if (!host.endsWith("]")) throw usage(`${host} has a bracket that does not close`)
  return host.slice(1, -1)
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw usage(`${text === "" ? "nothing" : text} is no port from 0 to 65535`)
}

function usage(what: string): Failure {
  return new Failure("usage", `${what}; write HOST:PORT, [::1]:80 or HOST PORT`)
}
