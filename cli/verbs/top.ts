/** `transportd top`: the running daemon at work, drawn anew every so often; or its samples as lines of JSON. */
import { setTimeout as delay } from "node:timers/promises"
import type { Client } from "transportd/client"
import { exitCode } from "../exitCodes.ts"
import { Failure } from "../failure.ts"
import { joinRunning, type JoinOptions } from "../join.ts"
import { askedToLeave } from "../leaving.ts"
import { hasColour, say } from "../print.ts"
import { socketPath } from "../socketPath.ts"
import { frame, type FrameOptions } from "../top/frame.ts"
import { readStatistics, Series, type Sample } from "../top/sample.ts"
import { Screen } from "../top/screen.ts"
import { numberOption, option, socketOption, type Verb } from "../verb.ts"

interface Options extends JoinOptions {
  readonly interval: number
  readonly once?: boolean
  readonly json?: boolean
}

/** Faster than this, watching is what the daemon is busy with. */
const LEAST_INTERVAL_MS = 50

/** Where a frame is no terminal's. */
const PAPER_COLUMNS = 120

export const top: Verb<Options> = {
  options: [
    socketOption,
    numberOption("--interval <ms>", "how long a picture stays", { default: 1000 }),
    option("--once", "print one picture, without what a terminal needs, and end; there are no rates yet"),
    option("--json", "print an object per sample: what daemon/statistics says, and the rates; with --once one"),
  ],
  example: "transportd top --interval 500",
  ownSignals: true,
  async run(_operands, { interval, once = false, json = false, ...where }) {
    if (!once && !json && !process.stdout.isTTY) {
      throw new Failure("usage", "top draws on a terminal; for all else there are --once and --json")
    }
    const asked = askedToLeave()
    const client = await joinRunning(where)
    const series = new Series()
    const look: Look = async () => series.add(await readStatistics(client))
    const options = frameOptions(client, series, where)
    const everyMs = Math.max(LEAST_INTERVAL_MS, interval)
    const work = once ? printOnce(look, options, json) : json ? printAll(look, everyMs) : draw(look, options, everyMs)
    const status = await Promise.race([work, asked])
    client.destroy()
    return status
  },
}

type Look = () => Promise<Sample>

function frameOptions(client: Client, series: Series, { socket }: JoinOptions): FrameOptions {
  return {
    columns: process.stdout.isTTY ? process.stdout.columns : PAPER_COLUMNS,
    colour: hasColour(process.stdout),
    socket: socketPath(socket),
    pid: client.greeting.serverInfo.pid,
    clientId: client.greeting.clientId,
    history: (transport) => series.history(transport),
  }
}

async function printOnce(look: Look, options: FrameOptions, json: boolean): Promise<number> {
  const sample = await look()
  say(json ? JSON.stringify(sample) : frame(sample, options).join("\n"))
  return exitCode("ok")
}

async function printAll(look: Look, everyMs: number): Promise<never> {
  for (;;) {
    say(JSON.stringify(await look()))
    await delay(everyMs)
  }
}

/** Draws until somebody has seen enough. */
async function draw(look: Look, options: FrameOptions, everyMs: number): Promise<number> {
  const screen = new Screen(process.stdout, process.stdin)
  let sample = await look()
  const hint = process.stdin.isTTY ? "q quits" : "Ctrl-C quits"
  const redraw = (): void => {
    const { columns, rows } = screen
    screen.draw(frame(sample, { ...options, columns, rows, hint }))
  }
  const enough = new Promise<number>((resolve) => {
    const key = (key: string): void => {
      if (key === "q") resolve(exitCode("ok"))
      // In raw mode Ctrl-C is a key as any other; Ctrl-D means the same to many.
      else if (key === "\x03") resolve(exitCode("interrupted"))
      else if (key === "\x04") resolve(exitCode("ok"))
    }
    screen.enter({ key, resized: redraw })
  })
  const watch = async (): Promise<never> => {
    for (;;) {
      redraw()
      await delay(everyMs)
      sample = await look()
    }
  }
  try {
    return await Promise.race([enough, watch()])
  } finally {
    screen.leave()
  }
}
