/** `transportd events`: what begins and ends in the running daemon, one line each, until Ctrl-C. */
import type { News } from "transportd/client"
import { Failure } from "../failure.ts"
import { joinRunning, type JoinOptions } from "../join.ts"
import { printable, say, tell } from "../print.ts"
import { option, socketOption, verboseOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly json?: boolean
}

export const events: Verb<Options> = {
  options: [
    socketOption,
    option("--json", "print an object per line: time, event, and what belongs to it"),
    verboseOption,
  ],
  example: "transportd events --json | jq -r .event",
  async run(_operands, { json = false, ...where }) {
    const client = await joinRunning(where)
    await client.watch((news) => {
      const now = new Date()
      say(json ? JSON.stringify({ time: now.toISOString(), ...news }) : `${clock(now)}  ${sentence(news)}`)
    })
    if (where.verbose === true) tell("watching")
    await client.closed
    throw new Failure("unreachable", "the daemon ended")
  },
}

/** What happened, in words: `attached  tcp 7 web, client 2`. */
export function sentence({ event, transport, server, kind, name, clientId, count }: News): string {
  const what = [
    server !== undefined ? "server" : transport !== undefined ? (kind ?? "transport") : undefined,
    server ?? transport,
    name === undefined ? undefined : printable(name),
  ]
  const client = typeof clientId === "number" ? `client ${clientId}` : undefined
  const missed = count === undefined ? undefined : `${count} events`
  const parts = [what.filter((part) => part !== undefined).join(" "), client, missed].filter(Boolean)
  return `${(WORDS[event] ?? event).padEnd(12)}  ${parts.join(", ")}`
}

const WORDS: Readonly<Partial<Record<News["event"], string>>> = {
  clientConnected: "connected",
  clientGone: "gone",
}

function clock(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0")
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")
}
