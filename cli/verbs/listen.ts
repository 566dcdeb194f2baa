/** `transportd listen`: waits for TCP connections; stdin to the one that comes, what comes from it to stdout. */
import type { Client } from "transportd/client"
import { describeAddress, parseAddress, type HostPort } from "../address.ts"
import { exitCode } from "../exitCodes.ts"
import { join, type JoinOptions } from "../join.ts"
import { tell } from "../print.ts"
import { standardStreams } from "../standardStreams.ts"
import { Turns, type Turn } from "../turns.ts"
import { option, socketOption, verboseOption, type Verb } from "../verb.ts"
import { lossOf } from "./connect.ts"

interface Options extends JoinOptions {
  readonly keep?: boolean
  readonly json?: boolean
}

/** Says on stderr what happens: a sentence for people, or a line of JSON. Details are for who asked for them. */
type Report = (event: string, fields: Readonly<Record<string, unknown>>, sentence: string, detail?: boolean) => void

export const listen: Verb<Options> = {
  operands: [["<address...>", "PORT on this machine alone, HOST:PORT, or *:PORT for everybody; port 0: any free one"]],
  options: [
    socketOption,
    option("-k, --keep", "take connections one after another, until Ctrl-C; nothing is sent to them"),
    option("--json", "say what happens as lines of JSON on stderr: event, and what belongs to it"),
    verboseOption,
  ],
  example: "transportd listen 8080 > upload.bin",
  async run(operands, { keep = false, json = false, verbose = false, ...where }) {
    const address = parseAddress(operands, "127.0.0.1")
    const { client } = await join({ ...where, verbose })
    const report: Report = (event, fields, sentence, detail = false) => {
      if (json) process.stderr.write(`${JSON.stringify({ event, ...fields })}\n`)
      else if (verbose || !detail) tell(sentence)
    }
    const turns = new Turns(client.closed)
    const close = await open(client, address, turns, report)
    for (let turn = await turns.next(); ; turn = await turns.next()) {
      if (!keep) {
        close()
        turns.refuse()
      }
      const error = await serve(turn, keep, report)
      if (keep) continue
      if (error !== null) throw lossOf(error, turn.remote)
      await client.close()
      return exitCode("ok")
    }
  },
}

async function open(client: Client, { host, port }: HostPort, turns: Turns, report: Report): Promise<() => void> {
  const server = await client.loop.createServer(() => turns.make(), { host: host === "*" ? null : host, port })
  for (const address of server.sockets) {
    report("listening", { ...address, server: server.id }, `listening on ${describeAddress(address)}`)
  }
  return () => server.close()
}

/** Relays one connection to its end. Those of `--keep` get nothing: stdin could be given only once. */
async function serve(turn: Turn, keep: boolean, report: Report): Promise<Error | null> {
  const { remote } = turn
  report("connected", { remote, transport: turn.id }, `connected from ${remote}`, true)
  const relay = turn.take(keep ? { source: null, sink: process.stdout } : standardStreams())
  const error = await relay.lost
  const { bytesIn, bytesOut } = relay
  const sentence = `${remote} ended after ${bytesIn} bytes in and ${bytesOut} out${error === null ? "" : `: ${error.message}`}`
  report("lost", { remote, bytesIn, bytesOut, error: error?.message ?? null }, sentence, true)
  return error
}
