/** Ways through the daemon with the client library. */
import { connect, type BufferedProtocol, type Client, type Transport } from "transportd/client"
import type { Ground } from "../field.ts"
import { READ_BYTES, type Events, type Line, type Target, type Way } from "./way.ts"

export interface LibraryWay extends Way {
  readonly client: Client
}

/**
 * High water of a program that moves much: within the daemon's window of 1 MiB. What a kernel has taken does not count
 * against the marks of a bare socket, and over a relay that is some MB on its way; through the daemon all counts that its
 * own kernel has not taken. With asyncio's 64 KiB a writer stands still after two pieces of that size until both are out.
 */
const BULK_HIGH_BYTES = 900_000

/** Byte messages and flow control: what the client library does, for a program that moves much. */
export const throughLibrary = (ground: Ground): Promise<LibraryWay> =>
  libraryWay(ground, { highBytes: BULK_HIGH_BYTES })

/** The same for one that also reads into a buffer of its own. */
export const throughLibraryIntoBuffer = (ground: Ground): Promise<LibraryWay> =>
  libraryWay(ground, { highBytes: BULK_HIGH_BYTES, intoBuffer: true })

/** The same for a program that leaves asyncio's water marks as they are. */
export const throughLibraryAsItComes = (ground: Ground): Promise<LibraryWay> => libraryWay(ground)

async function libraryWay(
  { ports, daemon }: Ground,
  { highBytes, intoBuffer = false }: { highBytes?: number; intoBuffer?: boolean } = {},
): Promise<LibraryWay> {
  const { socket, pid } = await daemon()
  const client = await connect({ socket })
  const open = async (target: Target, events: Events): Promise<Line> => {
    let paused = false
    const pauseWriting = (): void => void (paused = true)
    const resumeWriting = (): void => {
      paused = false
      events.drain()
    }
    const protocol = intoBuffer
      ? { ...intoBufferOf(events), pauseWriting, resumeWriting }
      : { dataReceived: (data: Buffer) => events.data(data), pauseWriting, resumeWriting }
    const where = { host: "127.0.0.1", port: ports[target] }
    const [transport] = await client.loop.createConnection(() => protocol, where)
    if (highBytes !== undefined) transport.setWriteBufferLimits({ highBytes })
    return lineOf(transport, () => !paused)
  }
  return { client, pids: [pid], open, end: () => client.close() }
}

function intoBufferOf(events: Events): BufferedProtocol {
  const buffer = Buffer.alloc(READ_BYTES)
  return { getBuffer: () => buffer, bufferUpdated: (bytes) => events.data(buffer.subarray(0, bytes)) }
}

function lineOf(transport: Transport, mayWrite: () => boolean): Line {
  return {
    write: (data) => {
      transport.write(data)
      return mayWrite()
    },
    close: () => transport.abort(),
  }
}
