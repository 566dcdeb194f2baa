/**
 * How a verb comes to its daemon: the one on the socket, or a private one that ends with the command.
 * Loads the client library only when it is called.
 */
import type { Client, ClientOptions } from "transportd/client"
import { errnoOf, explain, Failure } from "./failure.ts"
import { printable, tell } from "./print.ts"
import { socketPath } from "./socketPath.ts"

export interface JoinOptions {
  readonly socket?: string
  readonly verbose?: boolean
}

/** Errors of `connect` that prove that nobody is there. */
const NOBODY = ["ENOENT", "ECONNREFUSED", "ENOTDIR", "ENOTSOCK"]

/** How long a daemon has to say who it is: one that is merely busy does in milliseconds. */
const ANSWER_MS = 10_000

const clientInfo = { name: "transportd-cli" }

/** For verbs that hold what outlives their connection. A daemon that is there answers long before; a new one has nothing. */
export const COME_BACK = { reconnect: { timeoutMs: 2_000 } }

export interface Joined {
  readonly client: Client
  /** The socket of a running daemon; null for a private one. */
  readonly path: string | null
}

/** The daemon on the socket that was named, else the running one, else a private one. */
export async function join({ socket, verbose = false }: JoinOptions): Promise<Joined> {
  const path = socketPath(socket)
  const running = await tryJoin(path)
  if (running !== null) {
    if (verbose) tell(`using the daemon on ${path}, process ${running.greeting.serverInfo.pid}`)
    return { client: running, path }
  }
  if (socket !== undefined) {
    throw new Failure("unreachable", `no daemon runs on ${path}; start it with \`transportd start --socket ${socket}\``)
  }
  if (verbose) tell(`no daemon runs on ${path}; using a private one`)
  const { connect } = await import("transportd/client")
  return { client: await connect({ launch: true, clientInfo }), path: null }
}

/** The running daemon, for verbs that make no sense without one. */
export async function joinRunning(
  { socket, verbose = false }: JoinOptions,
  options: ClientOptions = {},
): Promise<Client> {
  const path = socketPath(socket)
  const running = await tryJoin(path, options)
  if (running === null) throw notRunning(socket)
  if (verbose) tell(`using the daemon on ${path}, process ${running.greeting.serverInfo.pid}`)
  return running
}

/** The sentence for when there is none. */
export function notRunning(socket?: string): Failure {
  const option = socket === undefined ? "" : ` --socket ${socket}`
  return new Failure(
    "notRunning",
    `no daemon runs on ${printable(socketPath(socket))}; start it with \`transportd start${option}\``,
  )
}

/** The daemon on `path`, or null when nobody listens there. Fails when somebody does and it does not go well. */
export async function tryJoin(path: string, options: ClientOptions = {}): Promise<Client | null> {
  const { connect } = await import("transportd/client")
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const sentence = `the daemon on ${path} does not answer; end it with \`kill\`, then \`transportd start\``
    timer = setTimeout(() => reject(new Failure("unreachable", sentence)), ANSWER_MS)
  })
  try {
    return await Promise.race([connect({ socket: path, clientInfo, ...options }), late])
  } catch (error) {
    if (NOBODY.includes(errnoOf(error) ?? "")) return null
    if (error instanceof Failure || errnoOf(error) === "EACCES") throw error
    throw new Failure("unreachable", `the daemon on ${path} is of no use: ${explain(error).sentence}`)
  } finally {
    clearTimeout(timer)
  }
}
