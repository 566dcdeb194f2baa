/** All verbs, in the order of `--help`: a name, a line about it, and where the rest is, loaded when it is asked for. */
import type { Verb } from "../verb.ts"

export interface Entry {
  readonly summary: string
  load(): Promise<Verb>
}

export const VERBS: Readonly<Record<string, Entry>> = {
  serve: {
    summary: "run a daemon in the foreground",
    load: async () => (await import("./serve.ts")).serve,
  },
  stdio: {
    summary: "serve one client on stdin and stdout",
    load: async () => (await import("./stdio.ts")).stdio,
  },
  start: {
    summary: "start the daemon in the background, unless it runs",
    load: async () => (await import("./start.ts")).start,
  },
  stop: {
    summary: "end the running daemon and wait until it is gone",
    load: async () => (await import("./stop.ts")).stop,
  },
  status: {
    summary: "say whether a daemon runs, and how it is",
    load: async () => (await import("./status.ts")).status,
  },
  ls: {
    summary: "list the transports and servers of the running daemon",
    load: async () => (await import("./ls.ts")).ls,
  },
  top: {
    summary: "watch the running daemon at work",
    load: async () => (await import("./top.ts")).top,
  },
  events: {
    summary: "say what begins and ends in the running daemon, line by line",
    load: async () => (await import("./events.ts")).events,
  },
  connect: {
    summary: "connect to a TCP server: stdin goes there, stdout is what comes",
    load: async () => (await import("./connect.ts")).connect,
  },
  listen: {
    summary: "wait for a TCP connection: stdin goes there, stdout is what comes",
    load: async () => (await import("./listen.ts")).listen,
  },
  run: {
    summary: "run a program in the daemon, with this terminal's stdin, stdout and stderr",
    load: async () => (await import("./run.ts")).run,
  },
  attach: {
    summary: "bring a transport that outlived its client to this terminal",
    load: async () => (await import("./attach.ts")).attach,
  },
  splice: {
    summary: "join two transports inside the running daemon",
    load: async () => (await import("./splice.ts")).splice,
  },
  logs: {
    summary: "print what is kept of a transport's output",
    load: async () => (await import("./logs.ts")).logs,
  },
  kill: {
    summary: "send a signal to a process of the running daemon",
    load: async () => (await import("./kill.ts")).kill,
  },
  close: {
    summary: "end a transport of the running daemon",
    load: async () => (await import("./close.ts")).close,
  },
  call: {
    summary: "send any request and print the answer",
    load: async () => (await import("./call.ts")).call,
  },
  discover: {
    summary: "print the OpenRPC document of the interface",
    load: async () => (await import("./discover.ts")).discover,
  },
  "socket-path": {
    summary: "print where the daemon listens and clients look for it",
    load: async () => (await import("./socketPath.ts")).printSocketPath,
  },
}
