/**
 * The way through OpenSSH: `ssh -S ctl -W host:port` over one master connection to an sshd of our own, on a port of
 * 127.0.0.1, with keys that live as long as the way. Nobody else's configuration, keys or known hosts are touched.
 */
import { execFileSync, spawn, type ChildProcess, type ChildProcessByStdio } from "node:child_process"
import { once } from "node:events"
import { accessSync, mkdirSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { delimiter, join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import type { Ground } from "../field.ts"
import { Unavailable } from "../measure.ts"
import { descendants } from "../processes.ts"
import type { Events, Line, Way } from "./way.ts"

const HOST = "127.0.0.1"

export async function throughOpenSsh({ folder, ports }: Ground): Promise<Way> {
  const [ssh, sshd, keygen] = ["ssh", "sshd", "ssh-keygen"].map(find) as [string, string, string]
  const home = join(folder, "openssh")
  mkdirSync(home, { mode: 0o700 })
  for (const key of ["host", "user"]) execFileSync(keygen, ["-q", "-t", "ed25519", "-N", "", "-f", join(home, key)])
  const server = await startServer(sshd, home)
  const control = join(home, "ctl")
  const master = await startMaster(ssh, { home, control, port: server.port })
  return {
    pids: [master.pid as number, ...descendants(server.child.pid as number)],
    open: async (target, events) => {
      const args = ["-F", "none", "-S", control, "-W", `${HOST}:${ports[target]}`, HOST]
      return lineOf(spawn(ssh, args, { stdio: ["pipe", "pipe", "ignore"] }), events)
    },
    end: async () => {
      await stop(master)
      await stop(server.child)
    },
  }
}

/** Where `program` is: sshd is often in a directory that is not searched for users. */
function find(program: string): string {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]
  const path = folders.map((folder) => join(folder, program)).find(isThere)
  if (path === undefined) throw new Unavailable(`there is no ${program} on this machine`)
  return path
}

function isThere(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

async function startServer(sshd: string, home: string): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort()
  const config = {
    ListenAddress: `${HOST}:${port}`,
    HostKey: join(home, "host"),
    AuthorizedKeysFile: join(home, "user.pub"),
    // Above our folder are others that this sshd need not trust: it is reached from this machine alone.
    StrictModes: "no",
    UsePAM: "no",
    PermitRootLogin: "prohibit-password",
    PidFile: "none",
  }
  const file = join(home, "sshd_config")
  writeFileSync(
    file,
    Object.entries(config)
      .map((line) => `${line.join(" ")}\n`)
      .join(""),
  )
  const child = spawn(sshd, ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] })
  // On and on, so that it never waits for us to read what it has to say.
  const said = createInterface(child.stderr)
  const [line] = (await Promise.race([once(said, "line"), once(child, "exit")])) as [string | number]
  if (typeof line === "string" && line.startsWith("Server listening")) return { child, port }
  child.kill()
  throw new Unavailable(`sshd does not start here: ${line}`)
}

async function startMaster(
  ssh: string,
  { home, control, port }: { home: string; control: string; port: number },
): Promise<ChildProcess> {
  const options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes"]
  const args = ["-F", "none", "-q", "-M", "-N", "-S", control, "-i", join(home, "user"), "-p", String(port)]
  const master = spawn(ssh, [...args, ...options.flatMap((option) => ["-o", option]), HOST], { stdio: "ignore" })
  while (!isThere(control)) {
    if (master.exitCode !== null) throw new Unavailable("sshd does not let us in")
    await sleep(20)
  }
  return master
}

/** Free a moment ago: sshd cannot be told to choose one. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

function lineOf(child: ChildProcessByStdio<Writable, Readable, null>, events: Events): Line {
  const { stdin, stdout } = child
  stdout.on("data", (chunk: Buffer) => events.data(chunk))
  stdin.on("drain", () => events.drain()).on("error", () => stdin.destroy())
  return { write: (data) => stdin.write(data), close: () => void child.kill() }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill()
  await once(child, "exit")
}
