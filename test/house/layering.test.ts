/**
 * Who may import whom, read off the import lines: the house's plan, executed.
 * `.oxlintrc.json` says most of it a second time, for the editor; this one also follows imports from file to file.
 * A room without any file is skipped; a room with files is read, or the test fails.
 */
import { describe, expect, it } from "vitest"
import { codeOnly, filesUnder, importsOf, lineAt, read, targetOf } from "./sources.ts"

interface Edge {
  readonly file: string
  readonly line: number
  readonly target: string
  readonly specifier: string
  readonly typeOnly: boolean
}

interface Rule {
  /** The room of the importing file, as a person would say it. */
  readonly from: (file: string) => string | undefined
  /** The room it must not reach, or undefined when this import is fine. */
  readonly reaches: (edge: Edge) => string | undefined
  /** What to do instead. */
  readonly instead: string
}

const ROOMS = ["protocol", "sockets", "daemon", "client", "cli"] as const
type Room = (typeof ROOMS)[number]

const filesOf = (room: Room): string[] => filesUnder(room, ".ts")

function edgesOf(file: string): Edge[] {
  return importsOf(read(file)).map((found) => ({ ...found, file, target: targetOf(file, found.specifier) }))
}

const edges = new Map<Room, Edge[]>(ROOMS.map((room) => [room, filesOf(room).flatMap(edgesOf)]))

const inside = (path: string, ...folders: string[]): string | undefined =>
  folders.find((folder) => path.startsWith(`${folder}/`))

const within =
  (...folders: string[]) =>
  (path: string): string | undefined =>
    inside(path, ...folders)

/** Node's modules that touch the world; `node:timers` is judged apart, by names. */
const OUTSIDE_WORLD =
  /^(?:node:)?(?:net|tls|dgram|dns|http|https|http2|fs|child_process|worker_threads|cluster|process)(?:\/.*)?$|^(?:node:)?timers\/promises$|^timers$/

/** From the highest to the lowest room of the daemon. A room imports its own row and the rows below it. */
const DAEMON_ROWS: readonly (readonly string[])[] = [
  ["daemon/listeners"],
  ["daemon/client.ts"],
  ["daemon/handlers"],
  ["daemon/open", "daemon/hold", "daemon/services", "daemon/policy"],
  ["daemon/transports"],
  ["daemon/native"],
]

/** The row of a file of the daemon; undefined for `index.ts`, `config.ts` and the other files that all may use. */
function rowOf(path: string): number | undefined {
  const row = DAEMON_ROWS.findIndex((rooms) => rooms.some((room) => path === room || path.startsWith(`${room}/`)))
  return row === -1 ? undefined : row
}

const daemonRoom = (path: string): string =>
  DAEMON_ROWS[rowOf(path) ?? -1]?.find((room) => path.startsWith(room)) ?? path

/** What a transport may take from `protocol/`: plain numbers, arithmetic, a queue and the error table. */
const PLAIN_PROTOCOL = new Set([
  "protocol/errors.ts",
  "protocol/limits.ts",
  "protocol/outflow.ts",
  "protocol/queue.ts",
  "protocol/window.ts",
])

const RULES: Readonly<Record<Room, readonly Rule[]>> = {
  protocol: [
    {
      from: within("protocol"),
      reaches: ({ target }) => inside(target, "sockets", "daemon", "client", "cli"),
      instead: "protocol/ knows nobody: move what is shared into protocol/, or pass it in",
    },
    {
      from: within("protocol"),
      reaches: ({ target }) => (OUTSIDE_WORLD.test(target) ? target : undefined),
      instead: "protocol/ does no I/O and owns no clock: take a stream or a value as an argument",
    },
  ],
  sockets: [
    {
      from: within("sockets"),
      reaches: ({ target }) => inside(target, "protocol", "daemon", "client", "cli"),
      instead: "sockets/ knows Node alone: take what is needed as an argument",
    },
  ],
  daemon: [
    {
      from: within("daemon"),
      reaches: ({ target }) => inside(target, "client", "cli"),
      instead: "daemon/ and client/ never meet: move what both need into protocol/, or into sockets/ if it is I/O",
    },
    {
      from: within("daemon/transports"),
      reaches: ({ target }) => (inside(target, "protocol") && !PLAIN_PROTOCOL.has(target) ? target : undefined),
      instead: "transports know nothing of JSON-RPC: report through TransportEvents, take numbers as arguments",
    },
    {
      from: within("daemon/transports"),
      reaches: ({ target }) => (inside(target, "daemon") && rowOf(target) === undefined ? target : undefined),
      instead: "transports are the lowest room of the daemon: take what is needed as an argument",
    },
    {
      from: (file) => (rowOf(file) === undefined ? undefined : daemonRoom(file)),
      reaches: ({ file, target }) => {
        const [own, other] = [rowOf(file), rowOf(target)]
        return own !== undefined && other !== undefined && other < own ? daemonRoom(target) : undefined
      },
      instead: "the lower room reports to the higher one through callbacks given to it",
    },
  ],
  client: [
    {
      from: within("client"),
      reaches: ({ target }) => inside(target, "daemon", "cli"),
      instead: "client/ and daemon/ never meet: move what both need into protocol/, or into sockets/ if it is I/O",
    },
    {
      from: within("client"),
      reaches: ({ target }) => (isZod(target) ? "zod" : undefined),
      instead: "schemas run in the daemon: take types from protocol/ with `import type`",
    },
  ],
  cli: [],
}

function isZod(target: string): boolean {
  return target === "zod" || target.startsWith("zod/")
}

function violations(room: Room): string[] {
  return (edges.get(room) ?? []).flatMap((edge) =>
    RULES[room].flatMap((rule) => {
      const from = rule.from(edge.file)
      const to = from === undefined ? undefined : rule.reaches(edge)
      if (from === undefined || to === undefined) return []
      return [`${from} must not import ${to} (${edge.file}:${edge.line} imports "${edge.specifier}"): ${rule.instead}`]
    }),
  )
}

/** Every line of `room`, outside `free`, where the code matches one of `patterns`. */
function uses(room: Room, patterns: Readonly<Record<string, RegExp>>, free: readonly string[] = []): string[] {
  return filesOf(room)
    .filter((file) => !free.includes(file))
    .flatMap((file) => {
      const code = codeOnly(read(file))
      return Object.entries(patterns).flatMap(([what, pattern]) =>
        [...code.matchAll(pattern)].map((match) => `${what} in ${room}/ (${file}:${lineAt(code, match.index)})`),
      )
    })
}

describe("who may import whom", () => {
  for (const room of ROOMS) {
    it.skipIf(filesOf(room).length === 0)(`${room}/ imports only rooms below it`, () => {
      expect(edges.get(room), `no import line of ${room}/ was read: is the reader blind?`).not.toHaveLength(0)
      expect(violations(room)).toEqual([])
    })

    it.skipIf(filesOf(room).length === 0)(`every relative import of ${room}/ names a file that exists`, () => {
      const files = new Set(ROOMS.flatMap(filesOf))
      const lost = (edges.get(room) ?? []).filter(
        ({ specifier, target }) => specifier.startsWith(".") && target.endsWith(".ts") && !files.has(target),
      )
      expect(lost.map(({ file, line, specifier }) => `${file}:${line} imports "${specifier}"`)).toEqual([])
    })
  }

  for (const room of ["protocol", "daemon", "client"] as const) {
    it.skipIf(filesOf(room).length === 0)(`${room}/ imports by relative path, as users do not`, () => {
      const byName = (edges.get(room) ?? []).filter(({ specifier }) => /^transportd(?:\/|$)/.test(specifier))
      expect(byName.map(({ file, line, specifier }) => `${file}:${line} imports "${specifier}"`)).toEqual([])
    })
  }

  it.skipIf(filesOf("client").length === 0)("a client never loads zod, over any chain of imports", () => {
    const start = "client/index.ts"
    const chains = new Map<string, string>([[start, start]])
    const found: string[] = []
    // Why a Map while walking it: entries added on the way are visited too, each file once.
    for (const [file, chain] of chains) {
      for (const { target, line, typeOnly } of edgesOf(file)) {
        if (typeOnly) continue
        if (isZod(target))
          found.push(`client/ must not load zod: ${chain}:${line} → zod; make one step \`import type\``)
        else if (target.endsWith(".ts") && !chains.has(target)) chains.set(target, `${chain}:${line} → ${target}`)
      }
    }
    expect(found).toEqual([])
    expect(chains.size, "nothing but client/index.ts was walked: is the reader blind?").toBeGreaterThan(1)
  })
})

describe("who may touch the process", () => {
  const surroundings = {
    "the environment is read": /\bprocess\s*\??\.\s*env\b|\}\s*=\s*process\b/g,
    "arguments are read": /\bprocess\s*\??\.\s*argv\b/g,
  }
  const ends = { "the process is ended": /\bprocess\s*\??\.\s*(?:exit|reallyExit|abort|exitCode)\b/g }

  for (const room of ["protocol", "daemon", "client"] as const) {
    it.skipIf(filesOf(room).length === 0)(
      `${room}/ is given what it needs; only cli/, daemon/config.ts and client/surroundings.ts look`,
      () => {
        expect(uses(room, surroundings, ["daemon/config.ts", "client/surroundings.ts"])).toEqual([])
        const modules = (edges.get(room) ?? []).filter(({ target }) => /^(?:node:)?process$/.test(target))
        expect(modules.map(({ file, line }) => `node:process is imported (${file}:${line})`)).toEqual([])
      },
    )

    it.skipIf(filesOf(room).length === 0)(`${room}/ never ends the process; only cli/ does`, () => {
      expect(uses(room, ends)).toEqual([])
    })

    it.skipIf(filesOf(room).length === 0)(`${room}/ prints nothing to stdout, which is the wire`, () => {
      // What console says on stderr harms no wire; the linter still asks for a reason each time.
      expect(uses(room, { "console is used": /\bconsole\s*\.\s*(?!(?:error|warn|trace)\b)\w+\s*\(/g })).toEqual([])
    })
  }

  it.skipIf(filesOf("protocol").length === 0)(
    "protocol/ owns no clock; setImmediate, which is order and not time, it may use",
    () => {
      const clocks = /\b(?:setTimeout|setInterval)\b|\bDate\s*\.\s*now\b|\bperformance\s*\.\s*now\b/g
      expect(uses("protocol", { "a clock is used": clocks })).toEqual([])
    },
  )
})
