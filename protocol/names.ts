/** Names and addresses: asyncio's two resolver methods. */
import { z } from "zod"
import { request } from "./declare.ts"
import { FamilyOption, Family, HostPort, InetAddress, Port } from "./primitives.ts"

const Host = z.string().max(1024)
const SocketType = z.enum(["stream", "datagram", "raw"])
const Proto = z.enum(["tcp", "udp", "ip"])

export const getaddrinfo = request("loop/getaddrinfo", {
  since: "0.1.0",
  summary:
    "Looks up a host and a service, as this machine does it (`/etc/hosts` included). One entry for each address and type of socket, in the system's order; `type` or `proto` narrows. Look-ups wait for each other and for nobody else.",
  params: z.object({
    host: Host.nullable().meta({ description: "null: this host, or with `passive` any of its addresses" }),
    port: z
      .union([Port, z.string().max(64)])
      .nullish()
      .meta({ description: "a number, or a service such as `http`" }),
    family: FamilyOption.optional(),
    type: SocketType.optional(),
    proto: Proto.optional(),
    flags: z
      .array(z.enum(["passive", "numericHost", "numericService", "addrConfig", "v4Mapped", "all"]))
      .max(8)
      .default([])
      .meta({ description: "the AI_* flags; the canonical name is never looked up" }),
  }),
  result: z.array(
    z.object({
      family: Family,
      type: SocketType,
      proto: Proto,
      canonname: z.string().meta({ description: "always empty" }),
      address: InetAddress,
    }),
  ),
  errors: ["ResolveFailed", "TimedOut", "RequestCancelled"],
  example: {
    params: { host: "localhost", port: 80, family: 4, type: "stream" },
    result: [
      {
        family: "IPv4",
        type: "stream",
        proto: "tcp",
        canonname: "",
        address: { host: "127.0.0.1", port: 80, family: "IPv4" },
      },
    ],
  },
})

export const getnameinfo = request("loop/getnameinfo", {
  since: "0.1.0",
  summary: "The names of an address: of its host, or the address itself where it has none, and of its service.",
  params: z
    .object({
      address: HostPort.optional(),
      host: Host.min(1).optional(),
      port: Port.optional(),
      flags: z
        .array(z.enum(["numericHost", "numericService", "nameRequired", "noFqdn", "datagram"]))
        .max(8)
        .default([])
        .meta({ description: "the NI_* flags" }),
    })
    .transform(({ address, host, port, flags }, context) => {
      const from = address ?? (host === undefined ? undefined : { host, port: port ?? 0 })
      if (from !== undefined && (address === undefined || host === undefined)) return { ...from, flags }
      context.addIssue({ code: "custom", message: "expected either `address` or `host`", path: ["address"] })
      return z.NEVER
    }),
  result: z.object({ host: z.string(), service: z.string() }),
  errors: ["ResolveFailed", "TimedOut", "RequestCancelled"],
  example: {
    params: { address: { host: "127.0.0.1", port: 80 } },
    result: { host: "localhost", service: "http" },
  },
})
