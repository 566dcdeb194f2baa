/** `transportd run --pty` and `attach` in a terminal of their own, which the tests open with this very daemon. */
import { describe, expect, it } from "vitest"
import { hasTerminals } from "../../daemon/native/terminal.ts"
import { MAIN, Sandbox } from "../cli/sandbox.ts"
import type { RawClient } from "../support/client.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

/** A terminal with a shell in it, where the command is typed. */
class Desk {
  readonly #client: RawClient
  readonly #transport: number
  readonly #keyboard: number

  constructor(client: RawClient, { transport, pipes }: { transport: number; pipes: Record<number, number> }) {
    this.#client = client
    this.#transport = transport
    this.#keyboard = pipes[0] as number
  }

  static async open(sandbox: Sandbox): Promise<Desk> {
    const client = await (await harness.startDaemon()).connect()
    const env = { ...(sandbox.env as Record<string, string>), PS1: "", ENV: "", NODE: process.execPath, MAIN }
    const params = { program: "/bin/sh", args: ["-i"], cwd: sandbox.folder, env, pty: { columns: 90, rows: 20 } }
    const desk = new Desk(client, await client.request("loop/subprocessExec", params))
    desk.type("stty -echo; echo rea''dy\n")
    await desk.shows("ready\r\n")
    return desk
  }

  type(text: string): void {
    this.#client.notify("transport/write", { transport: this.#keyboard, text })
  }

  resize(columns: number, rows: number): void {
    this.#client.notify("transport/resize", { transport: this.#transport, columns, rows })
  }

  get shown(): string {
    return this.#client.data(this.#transport, 1).toString()
  }

  async shows(text: string): Promise<void> {
    await this.#client.until(() => this.shown.includes(text), `${JSON.stringify(text)}: ${JSON.stringify(this.shown)}`)
  }
}

describe.skipIf(!hasTerminals())("transportd run --pty", () => {
  it("gives a program a terminal as if it ran in ours: size, keys, exit status, and ours as it was before", async () => {
    await using sandbox = new Sandbox()
    const desk = await Desk.open(sandbox)
    const program = `trap 'echo size $(stty size)' WINCH; trap 'echo key' INT; trap 'echo other' QUIT; echo on $(stty size); while ! test -e done; do sleep 0.01; done; exit 7`
    desk.type("stty -g >before\n")
    desk.type(
      `"$NODE" "$MAIN" run --pty -- sh -c "${program.replaceAll("$", "\\$")}"; echo status $?; stty -g >after\n`,
    )
    await desk.shows("on 20 90\r\n")
    desk.resize(100, 30)
    await desk.shows("size 30 100\r\n")
    desk.type("\x03")
    await desk.shows("key\r\n")
    // It cannot be left, so that key is the program's too.
    desk.type("\x1c")
    await desk.shows("other\r\n")
    await sandbox.startProgram(["touch", "done"]).ended
    await desk.shows("status 7\r\n")
    desk.type("cmp before after && echo restored''\n")
    await desk.shows("restored\r\n")
  })

  it("types what comes from a file, and the end of it", async () => {
    await using sandbox = new Sandbox()
    const { code, stdout } = await sandbox.run(["run", "--pty", "cat"], { input: "hello\n" })
    expect([code, stdout]).toEqual([0, "hello\r\nhello\r\n"])
  })

  it("is left with a key, and goes on for who attaches", async () => {
    await using sandbox = new Sandbox()
    await sandbox.startDaemon()
    const desk = await Desk.open(sandbox)
    desk.type(
      `"$NODE" "$MAIN" run --pty --keep --name kept -- sh -c 'echo began; read word; echo "heard $word"; exit 3'; echo first $?\n`,
    )
    await desk.shows("Ctrl-\\ leaves it running\r\n")
    await desk.shows("began\r\n")
    desk.type("\x1c")
    await desk.shows("detached; it goes on: `transportd attach kept`\r\n")
    await desk.shows("first 0\r\n")
    desk.type(`"$NODE" "$MAIN" attach kept; echo second $?\n`)
    await desk.shows("Ctrl-\\ leaves it running\r\n")
    desk.type("again\r")
    await desk.shows("heard again\r\n")
    await desk.shows("second 3\r\n")
  })
})
