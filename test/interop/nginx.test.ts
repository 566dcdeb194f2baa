/** nginx as the remote: connections that are used again, and files that come faster than they are read. */
import { randomBytes } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { Sandbox } from "../cli/sandbox.ts"
import { Recorder, setupLibrary } from "../client/library.ts"
import { certificateFile, pem } from "../support/tls.ts"
import { describeWith, startOnPort } from "./programs.ts"

describeWith(["nginx"], ([program]) => {
  const { startLibrary } = setupLibrary()
  const big = randomBytes(5_000_000)

  /** An nginx of this test with a short and a long file: its port, its socket, and its socket for TLS. */
  async function startNginx(sandbox: Sandbox): Promise<{ port: number; path: string; tlsPath: string }> {
    const { folder } = sandbox
    const [path, tlsPath] = [join(folder, "http.sock"), join(folder, "https.sock")]
    mkdirSync(join(folder, "files"))
    writeFileSync(join(folder, "files/hello"), "hello\n")
    writeFileSync(join(folder, "files/big"), big)
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    const command = (port: number): [string, ...string[]] => {
      const settings = `
        daemon off; master_process off; error_log stderr notice; pid ${folder}/nginx.pid;
        events {}
        http {
          access_log off;
          ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
          server {
            listen 127.0.0.1:${port};
            listen unix:${path};
            listen unix:${tlsPath} ssl;
            ssl_certificate ${certificateFile("server.pem")};
            ssl_certificate_key ${certificateFile("server.key")};
            root ${folder}/files;
          }
        }`
      writeFileSync(join(folder, "nginx.conf"), settings)
      return [program, "-p", folder, "-c", "nginx.conf", "-e", "stderr"]
    }
    // Said once its sockets listen.
    const port = await startOnPort(sandbox, command, (running) => running.says(/using the ".*" event method/))
    return { port, path, tlsPath }
  }

  const get = (file: string, more = ""): Buffer =>
    Buffer.from(`GET /${file} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`)

  /** The bodies of complete answers, each of which says its length. */
  function bodies(data: Buffer): Buffer[] {
    const found: Buffer[] = []
    for (let rest = data; rest.length > 0;) {
      const head = rest.indexOf("\r\n\r\n") + 4
      const length = Number(/^Content-Length: (\d+)\r$/im.exec(rest.subarray(0, head).toString())?.[1])
      if (!(head > 3 && rest.length >= head + length)) break
      found.push(rest.subarray(head, head + length))
      rest = rest.subarray(head + length)
    }
    return found
  }

  it("answers on one connection as often as asked, and to the end when it is asked to close", async () => {
    await using sandbox = new Sandbox()
    const { port } = await startNginx(sandbox)
    const { client } = await startLibrary()
    const [transport, protocol] = await client.loop.createConnection(() => new Recorder(), { host: "127.0.0.1", port })
    for (let count = 1; count <= 3; count++) {
      transport.write(get("hello"))
      await protocol.recording.until(() => bodies(protocol.data).length === count)
    }
    transport.writelines([get("hello"), get("hello"), get("hello", "Connection: close\r\n")])
    expect(await protocol.lost()).toBeNull()
    expect(bodies(protocol.data).map(String)).toEqual(Array.from({ length: 6 }, () => "hello\n"))
    expect(protocol.recording.count("eof")).toBe(1)
  })

  it("answers a client that has ended its side", async () => {
    await using sandbox = new Sandbox()
    const { path } = await startNginx(sandbox)
    const { client } = await startLibrary()
    const [transport, protocol] = await client.loop.createUnixConnection(() => new Recorder(), { path })
    // A long file would not do: nginx takes such a client for gone unless the answer leaves in one write.
    transport.write(get("hello", "Connection: close\r\n"))
    transport.writeEof()
    expect(await protocol.lost()).toBeNull()
    expect(bodies(protocol.data).map(String)).toEqual(["hello\n"])
  })

  it("waits while nobody reads, and nothing of a long file is lost", async () => {
    await using sandbox = new Sandbox()
    const { port } = await startNginx(sandbox)
    const { client } = await startLibrary()
    const [transport, protocol] = await client.loop.createConnection(() => new Recorder(), { host: "127.0.0.1", port })
    transport.write(get("big"))
    await protocol.received(1)
    transport.pauseReading()
    const [counts] = (await client.request("transport/describe", { transport: transport.id })).channels
    expect(counts?.received).toBeLessThan(big.length)
    transport.resumeReading()
    await protocol.recording.until(() => bodies(protocol.data).length === 1)
    expect(bodies(protocol.data)[0]?.equals(big)).toBe(true)
    transport.close()
    await protocol.lost()
  })

  it("shows its certificate, and serves over TLS", async () => {
    await using sandbox = new Sandbox()
    const { tlsPath } = await startNginx(sandbox)
    const { client } = await startLibrary()
    const [transport, protocol] = await client.loop.createUnixConnection(() => new Recorder(), {
      path: tlsPath,
      tls: { ca: pem("ca.pem") },
      serverHostname: "localhost",
    })
    transport.write(get("big", "Connection: close\r\n"))
    expect(await protocol.lost()).toBeNull()
    expect(bodies(protocol.data).map((body) => body.equals(big))).toEqual([true])
  })
})
