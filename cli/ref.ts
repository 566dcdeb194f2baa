/** What a transport is called on the command line, what the daemon says of it, and where its reading is to start. */
import type { Client } from "transportd/client"
import { InvalidValue, option } from "./verb.ts"

export type Ref = number | string
export type Description = Awaited<ReturnType<typeof describe>>

/** Where reading starts; absent: where the last owner had consumed to. */
export type Since = number | "start" | "now"

type Position = Record<string, number | "start" | "now">

export const refOperand = ["<ref>", "the transport: its id or its name, as `transportd ls` has them"] as const

/** Digits are an id, all else is a name. */
export function parseRef(text: string): Ref {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text
}

/** What the daemon knows of a transport. Rejects with UnknownTransport and its like. */
export async function describe(client: Client, ref: Ref) {
  return await client.request("transport/describe", { transport: ref })
}

export const sinceOption = option(
  "--since <where>",
  "begin with all that is kept (start), with what comes (now), or at an offset in bytes; by default where the last owner was",
  {
    parse: (text): Since => {
      if (text === "start" || text === "now") return text
      if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
      throw new InvalidValue("give start, now or a number of bytes.")
    },
  },
)

/** With pipes or with a terminal. */
export function isProcess({ pid }: Description): boolean {
  return pid !== undefined
}

/** `since` as a request has it. An offset holds for each output of a process, as far as that has come. */
export function sinceOf(since: Since, described: Description): Since | Position {
  const { channels } = described
  if (!isProcess(described) || typeof since !== "number") return since
  return byDescriptor(channels, ({ retained }) => Math.min(since, retained.to))
}

/** The last `bytes` of what is kept, of each output of a process. */
export function lastOf(bytes: number, described: Description): number | Position {
  const { channels } = described
  const start = ({ retained }: Channel): number => Math.max(retained.from, retained.to - bytes)
  if (isProcess(described)) return byDescriptor(channels, start)
  return channels[0] === undefined ? 0 : start(channels[0])
}

type Channel = Description["channels"][number]

function byDescriptor(channels: readonly Channel[], position: (channel: Channel) => number): Position {
  return Object.fromEntries(
    channels.flatMap((channel) => {
      const { fd } = channel
      return fd === undefined || fd === 0 ? [] : [[String(fd), position(channel)]]
    }),
  )
}
