/** A program in a terminal: what is typed, what it shows, a change of its size, Ctrl-C. For Linux, with koffi. */
import type { Loop, SubprocessProtocol } from "transportd/client"
import { run } from "./run.ts"

/** Shows what the program shows, and hears when it has shown it. */
class Screen implements SubprocessProtocol {
  #shown = ""
  #changed = (): void => {}

  pipeDataReceived(_fd: number, data: Buffer): void {
    process.stdout.write(data)
    this.#shown += data.toString()
    this.#changed()
  }

  async shows(text: string): Promise<void> {
    while (!this.#shown.includes(text)) await new Promise<void>((resolve) => (this.#changed = resolve))
  }
}

async function work(loop: Loop): Promise<void> {
  const program = `
    trap 'echo "now $(stty size)"' WINCH; trap 'echo "enough"; exit' INT
    echo "$(stty size), what now?"; read -r answer; echo "$answer it is"
    while :; do sleep 0.01; done`
  const [transport, screen] = await loop.subprocessShell(() => new Screen(), program, {
    pty: { columns: 90, rows: 20 },
  })
  const keyboard = transport.getPipeTransport(0)

  await screen.shows("what now?")
  keyboard?.write(Buffer.from("tea\n"))
  await screen.shows("tea it is")
  transport.resize(100, 30)
  await screen.shows("now 30 100")
  keyboard?.write(Buffer.from("\x03"))
  await screen.shows("enough")
}

await run(work)
