/** All ways to the remote. Each is made when the first measure asks for it: a new one is a file and a line here. */
import type { Ground } from "../field.ts"
import { throughLibrary, throughLibraryAsItComes, throughLibraryIntoBuffer } from "./daemon.ts"
import { throughJson, throughParsedJson } from "./json.ts"
import { throughOpenSsh } from "./openssh.ts"
import { direct, relayed, relayedIntoBuffer } from "./socket.ts"
import { throughStock } from "./stock.ts"
import { tunnelled } from "./tunnel.ts"
import type { Way } from "./way.ts"

export const WAYS = {
  "no daemon": direct,
  relay: relayed,
  "relay, own buffer": relayedIntoBuffer,
  daemon: throughLibrary,
  "daemon, own buffer": throughLibraryIntoBuffer,
  "daemon, 64 KiB marks": throughLibraryAsItComes,
  "daemon, JSON": throughJson,
  "daemon, JSON.parse": throughParsedJson,
  tunnel: tunnelled,
  stock: throughStock,
  OpenSSH: throughOpenSsh,
} satisfies Record<string, (ground: Ground) => Promise<Way>>

export type WayName = keyof typeof WAYS
export type Ways = { readonly [Name in WayName]: Awaited<ReturnType<(typeof WAYS)[Name]>> }
