/**
 * Descriptors handed over by a client in Python, of its standard library alone, to the command on stdio: each scenario is
 * a function of `programs/descriptors.py`, and what it saw is compared here.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { canReceiveRights } from "../../daemon/native/rights.ts"
import { ROOT } from "../house/sources.ts"
import { hasPython } from "../support/descriptors.ts"

const PROGRAM = join(ROOT, "test/e2e/programs/descriptors.py")
const DAEMON = [process.execPath, join(ROOT, "dist/cli/main.js"), "stdio"]

/** What the scenario saw. The daemon must have ended in peace by then: its standard error is ours. */
function run(way: "channel" | "socket", scenario: string): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "transportd-"))
  return new Promise((resolve, reject) => {
    const env = { ...process.env, FOLDER: folder }
    execFile("python3", [PROGRAM, way, scenario, ...DAEMON], { env }, (error, stdout, stderr) => {
      rmSync(folder, { recursive: true })
      if (error === null && stderr === "") resolve(JSON.parse(stdout))
      else reject(new Error(`${scenario}: ${error?.message ?? ""}\n${stderr}`))
    })
  })
}

const nowhere = { path: "" }
const unix = { peername: nowhere, sockname: nowhere, socket: { type: "stream", family: "Unix" } }

const hasKoffi = canReceiveRights()

for (const way of ["channel", "socket"] as const) {
  const isHere = hasPython && (way === "channel" || hasKoffi)
  describe.skipIf(!isHere)(`a client that hands descriptors over by ${way} (needs python3; the socket, koffi)`, () => {
    it("registers an open socket, as asyncio's documentation does", async () => {
      const expected = { receipt: { descriptor: "rsock" }, kind: "unix", extra: unix, lost: null, end: "" }
      expect(await run(way, "socketpair")).toEqual(expected)
    })

    it("has a connection that was accepted elsewhere served, with what came before", async () => {
      expect(await run(way, "tcp")).toEqual({ kind: "tcp", names: true, lost: null, end: "" })
    })

    it("has sockets listened on, whether they listen already or are bound alone", async () => {
      const served = [[true, "tcp", "ping!"], true, "refused"]
      expect(await run(way, "servers")).toEqual([[[], false], ...served, [[], false], ...served])
    })

    it("has Unix sockets listened on, and keeps their files", async () => {
      const served = [[true, "unix", "ping!"], true, true]
      expect(await run(way, "unix_server")).toEqual([...served, ...served])
    })

    it("has UDP sockets used, of both families, connected and not", async () => {
      const [free, connected] = [
        ["udp", true, null, "ping", "pong", null],
        ["udp", true, true, "ping", "pong", null],
      ]
      expect(await run(way, "udp")).toEqual([free, connected, free, connected])
    })

    it("has both ends of pipes used", async () => {
      expect(await run(way, "fifo")).toEqual([["pipe", null], "hello", "hello", null])
    })

    // Without the C library a listening socket is not told from a connected one.
    it.skipIf(!hasKoffi)("is told what a socket is that is of no use, and can use it for something else", async () => {
      const refusal = (name: string, wanted: string): string => `-32602 descriptor ${name} is not ${wanted}`
      expect(await run(way, "wrong")).toEqual([
        refusal("udp (IPv4 datagram)", "a connected stream socket"),
        refusal("udp (IPv4 datagram)", "a stream socket"),
        refusal("tcp (IPv4 stream)", "a UDP socket"),
        refusal("tcp (IPv4 stream)", "a connected Unix socket"),
        refusal("door (listening IPv4 stream)", "a connected stream socket"),
        "udp",
        "tcp",
        refusal("door (listening IPv4 stream)", "a Unix socket"),
      ])
    })

    it("hands over a socket that blocks, which holds nobody up", async () => {
      expect(await run(way, "blocking")).toEqual([true, null])
    })

    it("can use a name again once its descriptor is taken, and not before", async () => {
      expect(await run(way, "twice")).toEqual([[null, 1106, null], "ping!"])
    })

    it("may name a descriptor before it has come", async () => {
      expect(await run(way, "late")).toBe("ping!")
    })

    it("may hand over a hundred at once", async () => {
      expect(await run(way, "pipelined")).toBe(true)
    })

    it("leaves what was not taken to be closed", async () => {
      expect(await run(way, "unused")).toEqual([0, ""])
    })
  })
}

describe.skipIf(!hasPython)("the channel (needs python3)", () => {
  it("may go while the daemon goes on", async () => {
    expect(await run("channel", "channel_gone")).toEqual(["ping!", null, 0])
  })

  it("is told, and is nothing that was inherited, nor that a child hears of or has", async () => {
    // What `ls` has open beside its three is the folder that it lists.
    expect(await run("channel", "hidden")).toEqual([true, false, "0\n0\n1\n2\n3\n"])
  })
})

describe.skipIf(!hasPython || !hasKoffi)("the descriptor socket (needs python3 and koffi)", () => {
  it("takes terminals, which the channel cannot", async () => {
    expect(await run("socket", "terminal")).toEqual(["shown", null])
  })

  it("takes what no transport can be made of, and the request says so", async () => {
    expect(await run("socket", "no_stream")).toEqual([
      "-32602 descriptor file is a file, not a fifo or socket or terminal",
      "-32602 descriptor file is a file, not a socket",
      "-32602 descriptor unix datagram (Unix datagram) is not a UDP socket",
      "-32602 descriptor unix datagram cannot be a pipe transport: it is no stream",
    ])
  })

  it("refuses lines that are wrong, and ends when lines and descriptors cannot be matched; what came is closed", async () => {
    const [refused, cut] = [false, true].map((isCut) => [null, -32602, isCut, ""])
    const wrongLines = Array.from({ length: 5 }, () => refused)
    const unmatched = Array.from({ length: 5 }, () => cut)
    expect(await run("socket", "malformed")).toEqual([...wrongLines, ...unmatched, refused])
  })

  it("takes a line in pieces", async () => {
    expect(await run("socket", "pieces")).toEqual([{ descriptor: "pieces" }, "ping!"])
  })

  it("keeps no more than there may be", async () => {
    expect(await run("socket", "too_many")).toEqual([
      [null, 256],
      [1003, 2],
    ])
  })

  it("cuts off who does not read the answers, and keeps what came before", async () => {
    const [cut, echo] = (await run("socket", "unread")) as [string, string]
    expect(["BrokenPipeError", "ConnectionResetError"]).toContain(cut)
    expect(echo).toBe("ping!")
  })

  it("is its client's alone, and goes with it", async () => {
    expect(await run("socket", "private")).toEqual(["0o700", true, false, ""])
  })
})
