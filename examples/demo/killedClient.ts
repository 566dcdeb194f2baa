/** Scene: a client is killed. What it owned goes with it, processes and their children included; what is ours stays. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { isRpcError, type Client, type Protocol, type SubprocessProtocol, type Transport } from "transportd/client"
import type { DaemonProcess } from "./daemonProcess.ts"
import { until, type Stage } from "./stage.ts"
import type { Possessions } from "./victim.ts"

/** Our end of a connection: echoes, and remembers its end. */
class Echo implements Protocol {
  error: Error | null | undefined
  #transport: Transport | null = null

  connectionMade(transport: Transport): void {
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    this.#transport?.write(data)
  }

  connectionLost(error: Error | null): void {
    this.error = error
  }
}

/** Collects what comes back. */
class Collector implements Protocol, SubprocessProtocol {
  text = ""
  dataReceived(data: Buffer): void {
    this.text += data.toString()
  }
  pipeDataReceived(_fd: number, data: Buffer): void {
    this.text += data.toString()
  }
}

export async function killedClient(stage: Stage, client: Client, daemon: DaemonProcess): Promise<void> {
  const { loop } = client
  const accepted: Echo[] = []
  const server = await loop.createServer(
    () => {
      const protocol = new Echo()
      accepted.push(protocol)
      return protocol
    },
    { host: "127.0.0.1", port: 0 },
  )
  const { port } = server.sockets[0] as { port: number }
  const [ours, echoed] = await loop.createConnection(() => new Collector(), { host: "127.0.0.1", port })
  const [process_, spoken] = await loop.subprocessExec(() => new Collector(), ["cat"])
  stage.say("we own a server, a connection to it, and a process (cat)")

  const victim = spawn(
    process.execPath,
    [fileURLToPath(new URL("victim.js", import.meta.url)), daemon.socket, `${port}`],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  )
  const [line] = (await once(createInterface(victim.stdout), "line")) as [string]
  const owned = JSON.parse(line) as Possessions
  await until("its connection is accepted", () => accepted.length === 2)
  stage.say(
    `client ${owned.clientId}, process ${victim.pid}, owns a server on port ${owned.port}, a connection to ours,`,
  )
  stage.say(`a shell (process ${owned.pids[0]}) and the shell's child (process ${owned.pids[1]})`)
  const before = await holdings(client, owned.clientId)
  stage.expect(
    "the daemon holds 2 transports and the server for it",
    before === 2 && (await servers(client)) === 2,
    before,
  )
  stage.expect("both processes run", owned.pids.every(runs))

  victim.kill("SIGKILL")
  await once(victim, "exit")
  stage.say("SIGKILL")
  await until("nothing is left of it", async () => (await holdings(client, owned.clientId)) === 0)
  await until("its processes are gone", () => !owned.pids.some(runs))
  await until("its connection to us is lost", () => accepted[1]?.error !== undefined)
  stage.expect("the daemon holds nothing for it any more", (await holdings(client, owned.clientId)) === 0)
  stage.expect("the shell and its child are gone", !owned.pids.some(runs))
  stage.expect(`our end of its connection heard connectionLost(${accepted[1]?.error})`, accepted[1]?.error === null)
  stage.expect(`port ${owned.port} refuses connections`, await refuses(client, owned.port))

  ours.write(Buffer.from("still here"))
  process_.getPipeTransport(0)?.write(Buffer.from("me too"))
  await until("ours answer", () => echoed.text !== "" && spoken.text !== "")
  stage.expect(
    `our connection echoes "${echoed.text}", our process "${spoken.text}"`,
    echoed.text === "still here" && spoken.text === "me too",
  )
  ours.close()
  process_.close()
  server.close()
}

async function holdings(client: Client, clientId: number): Promise<number> {
  const { transports } = await client.request("transport/list", {})
  return transports.filter((each) => each.clientId === clientId).length
}

async function servers(client: Client): Promise<number> {
  return (await client.request("server/list", {})).servers.length
}

async function refuses({ loop }: Client, port: number): Promise<boolean> {
  try {
    const [transport] = await loop.createConnection(() => ({}), { host: "127.0.0.1", port })
    transport.abort()
    return false
  } catch (error) {
    return isRpcError(error, "OsFailure") && error.errno === "ECONNREFUSED"
  }
}

/** Whether `pid` runs; one that has ended and was not collected by its parent does not. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    // Platform: no /proc here. Gone between the two looks counts at the next one.
    return true
  }
}
