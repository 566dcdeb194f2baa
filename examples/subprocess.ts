/**
 * A subprocess protocol that collects the output of a child and waits for its exit. The program of the same name in
 * asyncio's documentation, line by line; the child is Node where it was Python, and gets no input instead of ours.
 */
import type { Loop, SubprocessProtocol } from "transportd/client"
import { run } from "./run.ts"

class DateProtocol implements SubprocessProtocol {
  readonly output: Buffer[] = []
  readonly #exitFuture: () => void
  #pipeClosed = false
  #exited = false

  constructor(exitFuture: () => void) {
    this.#exitFuture = exitFuture
  }

  pipeConnectionLost(): void {
    this.#pipeClosed = true
    this.#checkForExit()
  }

  pipeDataReceived(_fd: number, data: Buffer): void {
    this.output.push(data)
  }

  processExited(): void {
    this.#exited = true
    // processExited() can be called before pipeConnectionLost(): wait until both are called.
    this.#checkForExit()
  }

  #checkForExit(): void {
    if (this.#pipeClosed && this.#exited) this.#exitFuture()
  }
}

async function getDate(loop: Loop): Promise<string> {
  const code = 'console.log(new Date().toISOString().replace("T", " ").replace("Z", "000"))'
  let exitFuture = (): void => {}
  const exited = new Promise<void>((resolve) => (exitFuture = resolve))

  // Create the subprocess controlled by DateProtocol; redirect the standard output into a pipe.
  const [transport, protocol] = await loop.subprocessExec(
    () => new DateProtocol(exitFuture),
    [process.execPath, "-e", code],
    { stdin: "null", stderr: "null" },
  )

  // Wait for the subprocess exit using the processExited() method of the protocol.
  await exited

  // Close the stdout pipe.
  transport.close()

  // Read the output which was collected by the pipeDataReceived() method of the protocol.
  return Buffer.concat(protocol.output).toString().trimEnd()
}

console.log(`Current date: ${await run(getDate)}`)
