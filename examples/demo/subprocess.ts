/** Scene: the subprocess example of asyncio's documentation, and what became of the process. */
import type { Client, SubprocessProtocol, SubprocessTransport } from "transportd/client"
import type { Stage } from "./stage.ts"

class DateProtocol implements SubprocessProtocol {
  readonly output: Buffer[] = []
  readonly events: string[] = []
  readonly #stage: Stage
  readonly #exitFuture: () => void
  #pipeClosed = false
  #exited = false

  constructor(stage: Stage, exitFuture: () => void) {
    this.#stage = stage
    this.#exitFuture = exitFuture
  }

  connectionMade(transport: SubprocessTransport): void {
    this.#hear("connectionMade", `process ${transport.getPid()}`)
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    this.#hear("pipeDataReceived", `descriptor ${fd}, ${data.length} bytes`)
    this.output.push(data)
  }

  pipeConnectionLost(fd: number, error: Error | null): void {
    this.#hear("pipeConnectionLost", `descriptor ${fd}, ${error}`)
    this.#pipeClosed = true
    this.#checkForExit()
  }

  processExited(): void {
    this.#hear("processExited")
    this.#exited = true
    // It may come before pipeConnectionLost: wait for both.
    this.#checkForExit()
  }

  #checkForExit(): void {
    if (this.#pipeClosed && this.#exited) this.#exitFuture()
  }

  #hear(event: string, what = ""): void {
    this.events.push(event)
    this.#stage.say(`${event}  ${what}`.trimEnd())
  }
}

export async function subprocess(stage: Stage, { loop, greeting }: Client): Promise<void> {
  let exitFuture = (): void => {}
  const exited = new Promise<void>((resolve) => (exitFuture = resolve))
  const code = "console.log(process.ppid, new Date().getFullYear())"
  stage.say(`node -e '${code}'`)
  const [transport, protocol] = await loop.subprocessExec(
    () => new DateProtocol(stage, exitFuture),
    [process.execPath, "-e", code],
    { stdin: "null", stderr: "null" },
  )
  await exited
  transport.close()

  const [parent, year] = Buffer.concat(protocol.output).toString().trim().split(" ").map(Number)
  stage.expect(
    `its parent is the daemon, process ${greeting.serverInfo.pid}`,
    parent === greeting.serverInfo.pid,
    parent,
  )
  stage.expect(`it knows the year: ${year}`, year === new Date().getFullYear(), year)
  stage.expect("it returned 0", transport.getReturncode() === 0, transport.getReturncode())
  const output = protocol.events.indexOf("pipeDataReceived")
  stage.expect(
    "its output came before the end of its pipe",
    output > 0 && output < protocol.events.indexOf("pipeConnectionLost"),
    protocol.events,
  )
}
