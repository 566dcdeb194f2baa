/** OpenSSL's own client and server against our TLS: handshakes, refusals, the end of a session, STARTTLS. */
import { expect, it } from "vitest"
import type { Client, Protocol, Transport } from "transportd/client"
import { Sandbox, type Running } from "../cli/sandbox.ts"
import { Recorder, setupLibrary } from "../client/library.ts"
import { certificateFile, pem, serverTls, trusting } from "../support/tls.ts"
import { describeWith } from "./programs.ts"

describeWith(["openssl"], ([program]) => {
  const { startLibrary } = setupLibrary()
  const certificate = ["-cert", certificateFile("server.pem"), "-key", certificateFile("server.key")]

  /** A server that answers each line with its letters backwards. */
  async function startServer(sandbox: Sandbox, ...more: string[]): Promise<{ port: number; running: Running }> {
    const running = sandbox.startProgram([
      program,
      "s_server",
      "-accept",
      "127.0.0.1:0",
      "-rev",
      ...certificate,
      ...more,
    ])
    const [, port] = await running.says(/^ACCEPT 127\.0\.0\.1:(\d+)/m, "stdout")
    return { port: Number(port), running }
  }

  const connect = (client: Client, port: number, tls: object = {}) =>
    client.loop.createConnection(() => new Recorder(), {
      host: "127.0.0.1",
      port,
      tls: { ...trusting, ...tls },
      serverHostname: "localhost",
    })

  it.each([
    ["-tls1_2", "TLSv1.2"],
    ["-tls1_3", "TLSv1.3"],
  ])("serves us with %s", async (option, version) => {
    await using sandbox = new Sandbox()
    const { port } = await startServer(sandbox, option)
    const { client } = await startLibrary()
    const [transport, protocol] = await connect(client, port)
    expect(transport.getExtraInfo("cipher")).toContain(version)
    transport.write(Buffer.from("hello\n"))
    await protocol.received(6)
    expect(protocol.data.toString()).toBe("olleh\n")
    transport.close()
    expect(await protocol.lost()).toBeNull()
  })

  it("agrees with us on a protocol", async () => {
    await using sandbox = new Sandbox()
    const { port } = await startServer(sandbox, "-alpn", "h2,http/1.1")
    const { client } = await startLibrary()
    const [transport, protocol] = await connect(client, port, { alpn: ["http/1.1"] })
    expect(transport.getExtraInfo("ssl_object")).toMatchObject({ selectedAlpnProtocol: "http/1.1" })
    transport.close()
    await protocol.lost()
  })

  it("lets nobody in without a certificate when it wants one", async () => {
    await using sandbox = new Sandbox()
    const { port } = await startServer(
      sandbox,
      "-tls1_2",
      "-Verify",
      "1",
      "-verify_return_error",
      "-CAfile",
      certificateFile("ca.pem"),
    )
    const { client } = await startLibrary()
    await expect(connect(client, port)).rejects.toMatchObject({ name: "TlsHandshakeFailed" })
    const [transport, protocol] = await connect(client, port, { cert: pem("client.pem"), key: pem("client.key") })
    transport.write(Buffer.from("in\n"))
    await protocol.received(3)
    expect(protocol.data.toString()).toBe("ni\n")
    transport.close()
    await protocol.lost()
  })

  /** `openssl s_client` that trusts our authority and gives up where it cannot. */
  function visit(sandbox: Sandbox, port: number, ...more: string[]): Running {
    const trust = ["-verify_return_error", "-CAfile", certificateFile("ca.pem"), "-verify_hostname", "localhost"]
    return sandbox.startProgram([program, "s_client", "-quiet", "-connect", `127.0.0.1:${port}`, ...trust, ...more])
  }

  it("is served by us, and sees the end of the session", async () => {
    await using sandbox = new Sandbox()
    const { client } = await startLibrary()
    const made: Recorder[] = []
    const server = await client.loop.createServer(
      () => {
        const protocol: Recorder = new Recorder({
          dataReceived: () => {
            protocol.transport?.write(Buffer.from(`heard ${protocol.data.toString()}`))
            protocol.transport?.close()
          },
        })
        made.push(protocol)
        return protocol
      },
      { host: "127.0.0.1", port: 0, tls: serverTls },
    )
    const visitor = visit(sandbox, (server.sockets[0] as { port: number }).port)
    visitor.child.stdin.write("hello\n")
    expect(await visitor.ended).toMatchObject({ code: 0, stdout: "heard hello\n" })
    expect(await made[0]?.lost()).toBeNull()
  })

  it("refuses us with a certificate that has expired, and nobody else hears of it", async () => {
    await using sandbox = new Sandbox()
    const { client } = await startLibrary()
    const made: Recorder[] = []
    const serve = () => {
      made.push(new Recorder())
      return made.at(-1) as Recorder
    }
    const expired = { cert: pem("expired.pem"), key: pem("expired.key") }
    const server = await client.loop.createServer(serve, {
      host: "127.0.0.1",
      port: 0,
      tls: { ...expired, minVersion: "TLSv1.2" },
    })
    const visitor = visit(sandbox, (server.sockets[0] as { port: number }).port, "-tls1_2")
    const { code, stderr } = await visitor.ended
    expect(code).toBe(1)
    expect(stderr).toContain("certificate has expired")
    await client.request("daemon/info", {})
    expect(made).toEqual([])
  })

  it("changes to TLS in the middle of a conversation with us, as mail does", async () => {
    await using sandbox = new Sandbox()
    const { client } = await startLibrary()
    let secured: Promise<Transport> | null = null
    let ended = (_error: Error | null): void => {}
    const end = new Promise<Error | null>((resolve) => (ended = resolve))

    /** Says back what it hears. */
    const behindTls = (transport: Transport): Protocol => ({
      dataReceived: (data) => transport.write(data),
      connectionLost: ended,
    })
    /** As much of a mail server as leads to TLS. */
    class Mail implements Protocol {
      #transport: Transport | null = null
      connectionMade(transport: Transport): void {
        this.#transport = transport
        this.#say("220 localhost ESMTP")
      }
      dataReceived(data: Buffer): void {
        const transport = this.#transport
        if (transport === null) return
        // The client waits for each answer, so what comes is one line.
        if (data.toString().startsWith("EHLO")) return this.#say("250-localhost\r\n250 STARTTLS")
        // What it says behind the answer is the handshake's.
        transport.pauseReading()
        this.#say("220 go ahead")
        secured = client.loop.startTls(transport, behindTls(transport), { tls: serverTls, serverSide: true })
      }
      #say(lines: string): void {
        this.#transport?.write(Buffer.from(`${lines}\r\n`))
      }
    }
    const server = await client.loop.createServer(() => new Mail(), { host: "127.0.0.1", port: 0 })
    const visitor = visit(sandbox, (server.sockets[0] as { port: number }).port, "-starttls", "smtp")
    visitor.child.stdin.write("behind TLS\n")
    await visitor.says(/^behind TLS$/m, "stdout")
    const transport = await (secured as unknown as Promise<Transport>)
    expect(transport.getExtraInfo("cipher")).toContain("TLSv1.3")
    transport.close()
    expect(await end).toBeNull()
    expect((await visitor.ended).code).toBe(0)
  })
})
