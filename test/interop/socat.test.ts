/** socat at the other end of every kind of stream and of datagrams, once as the server and once as the client. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { expect, it } from "vitest"
import type { Loop, Protocol, Transport } from "transportd/client"
import { Sandbox, type Running } from "../cli/sandbox.ts"
import { Recorder, setupLibrary } from "../client/library.ts"
import { certificateFile, serverTls, trusting } from "../support/tls.ts"
import { describeWith, startOnPort } from "./programs.ts"

describeWith(["socat"], ([program]) => {
  const { startLibrary } = setupLibrary()
  const payload = randomBytes(1_000_000)

  /** socat between two of its addresses. */
  const start = (sandbox: Sandbox, one: string, other: string): Running =>
    sandbox.startProgram([program, "-d", "-d", one, other])

  /** The port that the system chose. */
  const portOf = async (running: Running): Promise<number> =>
    Number((await running.says(/listening on AF=2 127\.0\.0\.1:(\d+)/))[1])

  /** Sends the payload, and answers when it has come back and the remote has ended too. */
  async function echoed(transport: Transport, protocol: Recorder): Promise<void> {
    transport.write(payload)
    // TLS ends both ways at once: there the end comes after the echo.
    if (transport.canWriteEof()) transport.writeEof()
    await protocol.received(payload.length)
    if (!transport.canWriteEof()) transport.close()
    expect(await protocol.lost()).toBeNull()
    expect(protocol.data.equals(payload)).toBe(true)
  }

  const tlsFiles = `cert=${certificateFile("server.pem")},key=${certificateFile("server.key")},verify=0`

  it.each([
    ["TCP", "TCP-LISTEN:0,bind=127.0.0.1", {}],
    ["TLS", `OPENSSL-LISTEN:0,bind=127.0.0.1,${tlsFiles}`, { tls: trusting, serverHostname: "localhost" }],
  ])("echoes over %s", async (_, address, options) => {
    await using sandbox = new Sandbox()
    const port = await portOf(start(sandbox, address, "EXEC:cat"))
    const { client } = await startLibrary()
    await echoed(...(await client.loop.createConnection(() => new Recorder(), { host: "127.0.0.1", port, ...options })))
  })

  it("echoes over a Unix socket", async () => {
    await using sandbox = new Sandbox()
    const path = join(sandbox.folder, "echo.sock")
    await start(sandbox, `UNIX-LISTEN:${path}`, "EXEC:cat").says(/listening on AF=1/)
    const { client } = await startLibrary()
    await echoed(...(await client.loop.createUnixConnection(() => new Recorder(), { path })))
  })

  /** Sends back what comes, slowed down by whoever does not read it, and ends when the remote ends. */
  class Echo implements Protocol {
    #transport: Transport | null = null
    connectionMade(transport: Transport): void {
      this.#transport = transport
    }
    dataReceived(data: Buffer): void {
      this.#transport?.write(data)
    }
    pauseWriting(): void {
      this.#transport?.pauseReading()
    }
    resumeWriting(): void {
      this.#transport?.resumeReading()
    }
  }

  it.each([
    [
      "TCP",
      async (loop: Loop) => {
        const { sockets } = await loop.createServer(() => new Echo(), { host: "127.0.0.1", port: 0 })
        return `TCP:127.0.0.1:${(sockets[0] as { port: number }).port}`
      },
    ],
    [
      "TLS",
      async (loop: Loop) => {
        const { sockets } = await loop.createServer(() => new Echo(), { host: "127.0.0.1", port: 0, tls: serverTls })
        const { port } = sockets[0] as { port: number }
        return `OPENSSL:127.0.0.1:${port},cafile=${certificateFile("ca.pem")},commonname=localhost`
      },
    ],
    [
      "a Unix socket",
      async (loop: Loop, { folder }: Sandbox) => {
        const path = join(folder, "ours.sock")
        await loop.createUnixServer(() => new Echo(), { path })
        return `UNIX:${path}`
      },
    ],
  ])("is echoed by our server over %s", async (name, serve) => {
    await using sandbox = new Sandbox()
    const { client } = await startLibrary()
    const running = start(sandbox, await serve(client.loop, sandbox), "STDIO")
    running.child.stdin.write(payload)
    if (name === "TLS") {
      // TLS ends both ways at once: socat is to end only when the echo is there.
      while (running.stdout.length < payload.length) await new Promise((resolve) => setImmediate(resolve))
    }
    running.child.stdin.end()
    expect((await running.ended).code).toBe(0)
    expect(running.stdout.equals(payload)).toBe(true)
  })

  it("sends datagrams back one by one, whatever their size", async () => {
    await using sandbox = new Sandbox()
    // Of a port that the system chooses here, socat does not say which it is.
    const port = await startOnPort(
      sandbox,
      (chosen) => [program, "-d", "-d", `UDP-RECVFROM:${chosen},bind=127.0.0.1,fork`, "EXEC:cat"],
      (running) => running.says(/receiving on AF=2/),
    )
    const { client } = await startLibrary()
    const received: Buffer[] = []
    let heard = (): void => {}
    const [endpoint] = await client.loop.createDatagramEndpoint(
      () => ({
        datagramReceived: (data: Buffer) => {
          received.push(data)
          heard()
        },
      }),
      { remoteAddr: { host: "127.0.0.1", port } },
    )
    // One after the other: socat forks for each, and the answers of two could pass one another.
    for (const size of [1, 512, 8_000]) {
      const data = randomBytes(size)
      const answered = new Promise<void>((resolve) => (heard = resolve))
      endpoint.sendto(data)
      await answered
      expect(received.splice(0).map((each) => each.equals(data))).toEqual([true])
    }
    endpoint.close()
  })
})
