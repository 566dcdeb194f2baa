/**
 * A client in a process of its own, there to be killed: connects to the port given, listens on another, and starts a
 * shell that starts a child. Prints what it owns as one line of JSON, then waits.
 */
import { connect, type SubprocessProtocol } from "transportd/client"

/** What it owns. */
export interface Possessions {
  readonly clientId: number
  /** Where it listens. */
  readonly port: number
  /** The shell and the shell's child. */
  readonly pids: readonly number[]
}

class ShellProtocol implements SubprocessProtocol {
  readonly child: Promise<number>
  #tell = (_pid: number): void => {}

  constructor() {
    this.child = new Promise((resolve) => (this.#tell = resolve))
  }

  pipeDataReceived(_fd: number, data: Buffer): void {
    this.#tell(Number(data.toString()))
  }
}

const [socket = "", port = ""] = process.argv.slice(2)
const { loop, greeting } = await connect({ socket, clientInfo: { name: "victim" } })
const server = await loop.createServer(() => ({}), { host: "127.0.0.1", port: 0 })
const [shell, protocol] = await loop.subprocessShell(() => new ShellProtocol(), "sleep 1000 & echo $!; wait")
await loop.createConnection(() => ({}), { host: "127.0.0.1", port: Number(port) })
const owned: Possessions = {
  clientId: greeting.clientId,
  port: (server.sockets[0] as { port: number }).port,
  pids: [shell.getPid(), await protocol.child],
}
process.stdout.write(`${JSON.stringify(owned)}\n`)
