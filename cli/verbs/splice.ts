/** `transportd splice`: joins two transports inside the running daemon, and leaves. */
import type { Client } from "transportd/client"
import { exitCode } from "../exitCodes.ts"
import { Failure, isRpcError } from "../failure.ts"
import { joinRunning, type JoinOptions } from "../join.ts"
import { describe, parseRef, type Description } from "../ref.ts"
import { asOwner, stealOption } from "../taking.ts"
import { socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly steal?: boolean
}

export const splice: Verb<Options> = {
  operands: [
    ["<one>", "a transport: its id or its name, as `transportd ls` has them"],
    ["<other>", "what it is joined to; of a program its stdin and stdout"],
  ],
  options: [socketOption, stealOption, verboseOption],
  example: "transportd splice web upper",
  async run([first = "", second = ""], { steal = false, ...where }) {
    const client = await joinRunning(where)
    const one = await outliving(client, first)
    const other = await outliving(client, second)
    await asOwner(client, one, steal, () => asOwner(client, other, steal, () => joinBoth(client, one, other)))
    await client.close()
    return exitCode("ok")
  },
}

async function outliving(client: Client, operand: string): Promise<Description> {
  const described = await describe(client, parseRef(operand))
  if (described.lifetime === "daemon") return described
  throw new Failure(
    "failure",
    `transport ${described.transport} ends with its client; start it with --keep or --detach`,
  )
}

async function joinBoth(client: Client, one: Description, other: Description): Promise<unknown> {
  const [a, b] = [endsOf(one), endsOf(other)]
  if (a.from === a.to && b.from === b.to) {
    return await client.request("transport/splice", { from: a.from, to: b.to, both: true })
  }
  const there = { from: a.from, to: b.to }
  const back = { from: b.from, to: a.to }
  // First what goes into a stream: as long as something does, its end of file does not close it.
  const ways = a.from === a.to ? [back, there] : [there, back]
  for (const way of ways) {
    await client.request("transport/splice", way).catch((error: unknown) => {
      // A program that has ended still gives its output, and reads no more.
      if (!isRpcError(error) || error.name !== "TransportClosed" || ![one, other].some(hasEnded)) throw error
    })
  }
  return undefined
}

function hasEnded({ kind, returncode }: Description): boolean {
  return kind === "subprocess" && typeof returncode === "number"
}

/** What is read of a transport, and what is written to. */
function endsOf({ transport, kind, channels }: Description): { readonly from: number; readonly to: number } {
  if (kind !== "subprocess") return { from: transport, to: transport }
  const pipe = (fd: number): number => {
    const id = channels.find((channel) => channel.fd === fd)?.id
    if (id === undefined) throw new Failure("failure", `process ${transport} was started without a pipe to its ${fd}`)
    return id
  }
  return { from: pipe(1), to: pipe(0) }
}
