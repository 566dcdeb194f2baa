/** Datagrams: the request that makes an endpoint, and the one that sends. What comes back is in `callbacks.ts`. */
import { z } from "zod"
import { request, requestOrNotification } from "./declare.ts"
import { DATAGRAM_OVERHEAD_BYTES } from "./limits.ts"
import { Descriptor, FamilyOption, HostPort, Opened, Options, payload, Ref, takePayload } from "./primitives.ts"

const Host = z.string().min(1).max(1024)

/** A group as one joins and leaves it. */
const Membership = z.object({
  group: Host.meta({ description: "the address of the group" }),
  interface: Host.optional().meta({
    description: "an address of the interface (IPv4) or its scope such as `::%eth0` (IPv6); absent: the system chooses",
  }),
  source: Host.optional().meta({ description: "only what this sender sends" }),
})

const memberships = z.array(Membership).max(256).optional()

/** What of multicast can be changed at any time; the given fields take effect in the order of this list. */
export const Multicast = z.object({
  interface: Host.optional().meta({ description: "where datagrams to a group leave" }),
  ttl: z
    .int()
    .min(0)
    .max(255)
    .optional()
    .meta({ description: "how many routers they pass; the system's default is 1" }),
  loopback: z
    .boolean()
    .optional()
    .meta({ description: "whether this host gets them too; the system's default is true" }),
  leave: memberships,
  join: memberships,
})

export const createDatagramEndpoint = request("loop/createDatagramEndpoint", {
  since: "0.1.0",
  summary: `Opens a UDP socket: bound to \`localAddr\`, connected to \`remoteAddr\`, both, or with \`family\` alone bound to any free port; or takes over one that is bound already. In its write buffer a datagram counts its bytes and ${DATAGRAM_OVERHEAD_BYTES} more, in \`transport/flushed\` too; what came counts its bytes alone. UDP has no brake: datagrams beyond the read window are dropped and counted in \`protocol/datagramsLost\`.`,
  params: z
    .object({
      localAddr: HostPort.optional(),
      remoteAddr: HostPort.optional().meta({ description: "the only address that it sends to and hears of" }),
      family: FamilyOption.optional(),
      fd: Descriptor.optional(),
      reusePort: z.boolean().default(false).meta({ description: "several sockets on one port share what comes" }),
      allowBroadcast: z
        .boolean()
        .default(false)
        .meta({ description: "with `remoteAddr`: not connected, so that answers of others are heard too" }),
      multicast: Multicast.omit({ leave: true })
        .extend({
          reuseAddress: z.boolean().default(false).meta({
            description:
              "several sockets on one port each get what comes for a group; what comes for one host alone, the last",
          }),
        })
        .optional(),
      options: Options,
    })
    .refine(
      ({ localAddr, remoteAddr, family, fd }) =>
        ((localAddr ?? remoteAddr ?? family) !== undefined) === (fd === undefined),
      "expected `localAddr`, `remoteAddr` or `family`, or in their place `fd`",
    )
    .refine(
      ({ fd, reusePort, allowBroadcast, multicast }) =>
        fd === undefined || (!reusePort && !allowBroadcast && multicast === undefined),
      "`reusePort`, `allowBroadcast` and `multicast` mean nothing with `fd`: set them before",
    ),
  result: Opened,
  errors: ["OsFailure", "ResolveFailed", "TimedOut", "NotSupported", "NameTaken", "LimitExceeded", "InvalidParams"],
  example: {
    params: { remoteAddr: { host: "127.0.0.1", port: 9999 } },
    result: {
      transport: 9,
      kind: "udp",
      extra: {
        peername: { host: "127.0.0.1", port: 9999, family: "IPv4" },
        sockname: { host: "127.0.0.1", port: 40_003, family: "IPv4" },
      },
      writeWindowBytes: 1_048_576,
    },
  },
})

export const sendto = requestOrNotification("transport/sendto", {
  since: "0.1.0",
  summary:
    "Sends one datagram, an empty one too. Without `addr` it goes to the `remoteAddr` of the endpoint; where there is one, `addr` may only repeat it. As a request it is answered when the system took it or refused it; a refusal is said in `protocol/errorReceived`.",
  params: z.object({ transport: Ref, ...payload, addr: HostPort.nullish() }).transform(takePayload),
  result: z.null(),
  errors: [
    "UnknownTransport",
    "TransportClosed",
    "NotOwner",
    "NotSupported",
    "TransportBroken",
    "WindowExceeded",
    "InvalidParams",
  ],
  example: { params: { transport: 9, data: "aGVsbG8=", addr: { host: "127.0.0.1", port: 9999 } }, result: null },
})
