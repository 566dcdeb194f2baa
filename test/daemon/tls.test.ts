/** TLS on connections and servers: who is trusted, what is known of a session, and how each end is told. */
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect as connectPlain, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TLSSocket } from "node:tls"
import { describe, expect, test } from "vitest"
import type { RawClient } from "../support/client.ts"
import { echo, listenPeer, Recorder, visit } from "../support/peers.ts"
import { setup } from "../support/setup.ts"
import { certificateFile, listenTls, pem, serverTls, trusting, visitTls } from "../support/tls.ts"

const harness = setup()

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly extra: Record<string, unknown>
}

interface Serving {
  readonly server: number
  readonly sockets: readonly { readonly port: number }[]
}

async function client(options: { flowControl?: boolean } = {}): Promise<RawClient> {
  const { connect } = await harness.startDaemon()
  return connect(options)
}

const toLocalhost = { host: "127.0.0.1", serverHostname: "localhost", tls: trusting }

/** A TLS server of the daemon. */
async function serve(daemon: RawClient, tls: object = {}, more: object = {}): Promise<number> {
  const params = { host: "127.0.0.1", port: 0, tls: { ...serverTls, ...tls }, ...more }
  const { sockets } = await daemon.request<Serving>("loop/createServer", params)
  return sockets[0]!.port
}

/** The connection number `index` that a server announced. */
function announced(daemon: RawClient, index = 0): Promise<Opened> {
  return daemon.until(() => {
    const made = daemon.notifications.filter(({ method }) => method === "protocol/connectionMade")[index]
    return made?.params as unknown as Opened | undefined
  }, `connection ${index}`)
}

describe("a TLS connection", () => {
  for (const flowControl of [false, true]) {
    test(`carries bytes both ways after its handshake (flow control: ${flowControl})`, async () => {
      const { port } = await listenTls(harness, {}, echo)
      const daemon = await client({ flowControl })
      const { transport, kind } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, port })
      expect(kind).toBe("tls")
      const sent = Buffer.alloc(300_000, "0123456789")
      daemon.notify("transport/write", { transport, data: sent })
      await daemon.until(() => daemon.count(transport) === sent.length)
      expect(daemon.data(transport).equals(sent)).toBe(true)
      daemon.notify("transport/close", { transport })
      expect((await daemon.lost(transport)).params.error).toBeNull()
    })
  }

  test("tells what asyncio tells of a session", async () => {
    const peer = await listenTls(harness, { ALPNProtocols: ["two", "one"] })
    const daemon = await client()
    const tls = { ...trusting, alpn: ["one", "two"] }
    const { extra } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, tls, port: peer.port })
    expect(extra).toMatchObject({
      peername: { host: "127.0.0.1", port: peer.port, family: "IPv4" },
      sockname: { host: "127.0.0.1", family: "IPv4" },
      socket: { type: "stream" },
      compression: null,
      cipher: ["TLS_AES_256_GCM_SHA384", "TLSv1.3", 256],
      sslcontext: { verifyMode: "CERT_REQUIRED", checkHostname: true },
      ssl_object: { serverSide: false, serverHostname: "localhost", version: "TLSv1.3", selectedAlpnProtocol: "two" },
    })
    const session = await peer.accepted()
    expect([session.alpnProtocol, (session as { servername?: unknown }).servername]).toEqual(["two", "localhost"])
  })

  test("tells the certificate in the shape of Python's getpeercert()", async () => {
    const { port } = await listenTls(harness)
    const daemon = await client()
    const { extra } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, port })
    expect(extra.peercert).toEqual({
      subject: [
        [["countryName", "GB"]],
        [["organizationName", "Engines, Ltd"]],
        [["organizationalUnitName", "Mill + Store"]],
        [["commonName", "localhost"]],
      ],
      issuer: [[["organizationName", "transportd tests"]], [["commonName", "Test Authority"]]],
      version: 3,
      serialNumber: expect.stringMatching(/^[0-9A-F]{38,40}$/),
      notBefore: "Jan  1 00:00:00 2020 GMT",
      notAfter: "Jan  1 00:00:00 2120 GMT",
      subjectAltName: [
        ["DNS", "localhost"],
        ["DNS", "*.example.test"],
        ["IP Address", "127.0.0.1"],
        ["IP Address", "0:0:0:0:0:0:0:1"],
        ["URI", "https://localhost/"],
        ["email", "ada@example.test"],
      ],
      OCSP: ["http://ocsp.example.test/"],
      caIssuers: ["http://example.test/ca.cer"],
    })
  })

  test("without verification takes any certificate, and says nothing of it", async () => {
    const { port } = await listenTls(harness, { cert: pem("stranger.pem"), key: pem("stranger.key") })
    const daemon = await client()
    const tls = { verify: false }
    const { extra } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, tls, port })
    expect(extra).toMatchObject({ peercert: {}, sslcontext: { verifyMode: "CERT_NONE", checkHostname: false } })
  })

  test("has asyncio's water marks for TLS, also when it is asked for the defaults again", async () => {
    const { port } = await listenTls(harness)
    const daemon = await client()
    const { transport } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, port })
    const marks = { highBytes: 524_288, lowBytes: 131_072 }
    expect(await daemon.request("transport/getWriteBufferLimits", { transport })).toEqual(marks)
    await daemon.request("transport/setWriteBufferLimits", { transport, highBytes: 1000 })
    await daemon.request("transport/setWriteBufferLimits", { transport })
    expect(await daemon.request("transport/getWriteBufferLimits", { transport })).toEqual(marks)
  })

  test("cannot end its writing side alone, and is unharmed by the attempt", async () => {
    const { port } = await listenTls(harness, {}, echo)
    const daemon = await client()
    const { transport } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, port })
    expect(await daemon.request("transport/canWriteEof", { transport })).toBe(false)
    const failure = await daemon.failure("transport/writeEof", { transport })
    expect(failure).toMatchObject({ code: 1105, data: { kind: "tls", operation: "writeEof" } })
    daemon.notify("transport/write", { transport, data: Buffer.from("still here") })
    await daemon.until(() => daemon.count(transport) === 10)
  })
})

describe("a certificate that is not to be trusted ends the attempt", () => {
  const cases: ReadonlyArray<readonly [string, object, object, string]> = [
    [
      "of an unknown authority",
      {},
      { tls: true },
      "SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    ],
    ["of another name", {}, { serverHostname: "other.test" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["of another address", {}, { serverHostname: "127.0.0.2" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["that has expired", { cert: pem("expired.pem"), key: pem("expired.key") }, {}, "CERT_HAS_EXPIRED"],
    ["that signed itself", { cert: pem("stranger.pem"), key: pem("stranger.key") }, {}, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ]
  for (const [what, remote, params, reason] of cases) {
    test(what, async () => {
      const { port } = await listenTls(harness, remote)
      const daemon = await client()
      const failure = await daemon.failure("loop/createConnection", { ...toLocalhost, ...params, port })
      expect(failure).toMatchObject({ code: 1402, data: { reason: expect.stringMatching(`^(${reason})$`) } })
      expect(daemon.notifications).toEqual([])
    })
  }

  test("an empty name means that none is looked for, and the authority still is", async () => {
    const { port } = await listenTls(harness)
    const daemon = await client()
    const params = { host: "127.0.0.1", serverHostname: "", port }
    await daemon.request("loop/createConnection", { ...params, tls: trusting })
    expect(await daemon.failure("loop/createConnection", { ...params, tls: true })).toMatchObject({ code: 1402 })
  })

  test("the host is the name unless another is given, an address among them", async () => {
    const { port } = await listenTls(harness)
    const daemon = await client()
    await daemon.request("loop/createConnection", { host: "127.0.0.1", port, tls: trusting })
  })
})

describe("a handshake that fails is an error response, and no callback", () => {
  test("with a remote that speaks plain text", async () => {
    const { port } = await listenPeer(harness, (socket) => socket.end("220 ready\r\n"))
    const daemon = await client()
    const failure = await daemon.failure("loop/createConnection", { ...toLocalhost, port })
    expect(failure).toMatchObject({ code: 1401, data: { reason: expect.stringMatching(/^ERR_SSL_/) } })
    expect(daemon.notifications).toEqual([])
  })

  test("with a remote that leaves", async () => {
    const { port } = await listenPeer(harness, (socket) => socket.end())
    const daemon = await client()
    const failure = await daemon.failure("loop/createConnection", { ...toLocalhost, port })
    expect(failure).toMatchObject({ code: 1401, data: { reason: "ECONNRESET" } })
  })

  test("with a remote that says nothing for too long", async () => {
    const peer = await listenPeer(harness)
    const daemon = await client()
    const tls = { ...trusting, handshakeTimeoutMs: 50 }
    const failure = await daemon.failure("loop/createConnection", { ...toLocalhost, tls, port: peer.port })
    expect(failure).toMatchObject({ code: 1203, data: { operation: "handshake", timeoutMs: 50 } })
    const socket = await peer.accepted()
    await new Recorder(socket).over
  })

  test("with no version in common", async () => {
    const { port } = await listenTls(harness, { maxVersion: "TLSv1.2" })
    const daemon = await client()
    const tls = { ...trusting, minVersion: "TLSv1.3" }
    expect(await daemon.failure("loop/createConnection", { ...toLocalhost, tls, port })).toMatchObject({ code: 1401 })
  })

  test("when it is cancelled, and the remote sees it go", async () => {
    const peer = await listenPeer(harness)
    const daemon = await client()
    const id = daemon.nextId()
    const answer = daemon.ask("loop/createConnection", { ...toLocalhost, port: peer.port }, id)
    const socket = await peer.accepted()
    daemon.notify("$/cancelRequest", { id })
    expect((await answer).error).toMatchObject({ code: -32800 })
    await new Recorder(socket).over
  })
})

describe("what cannot work is refused before anything is opened", () => {
  const nowhere = { host: "127.0.0.1", port: 1 }
  const cases: ReadonlyArray<readonly [string, string, object, object]> = [
    [
      "a file that is not there",
      "loop/createConnection",
      { ...nowhere, tls: { caFile: "/none.pem" } },
      { code: 1201, data: { errno: "ENOENT", path: "/none.pem" } },
    ],
    [
      "a folder in place of a file",
      "loop/createConnection",
      { ...nowhere, tls: { caFile: "/" } },
      { code: 1201, data: { errno: "EISDIR", path: "/" } },
    ],
    [
      "a device without an end",
      "loop/createConnection",
      { ...nowhere, tls: { caFile: "/dev/zero" } },
      { code: 1201, data: { errno: "EINVAL" } },
    ],
    [
      "a relative file",
      "loop/createConnection",
      { ...nowhere, tls: { caFile: "ca.pem" } },
      { code: -32602, message: expect.stringContaining("relative") },
    ],
    ["authorities that are none", "loop/createConnection", { ...nowhere, tls: { ca: "nonsense" } }, { code: -32602 }],
    [
      "an option of an unknown name",
      "loop/createConnection",
      { ...nowhere, tls: { rejectUnauthorized: false } },
      { code: -32602 },
    ],
    ["tls: false, which is no way to say plain", "loop/createConnection", { ...nowhere, tls: false }, { code: -32602 }],
    ["ciphers that nobody knows", "loop/createConnection", { ...nowhere, tls: { ciphers: "ROT13" } }, { code: -32602 }],
    ["a name without TLS", "loop/createConnection", { ...nowhere, serverHostname: "localhost" }, { code: -32602 }],
    [
      "TLS over a path without a name",
      "loop/createUnixConnection",
      { path: "/none.sock", tls: true },
      { code: -32602 },
    ],
    ["a server without a certificate", "loop/createServer", { ...nowhere, tls: true }, { code: -32602 }],
    [
      "a key of another certificate",
      "loop/createServer",
      { ...nowhere, tls: { ...serverTls, key: pem("client.key") } },
      { code: -32602 },
    ],
    [
      "a key without its passphrase",
      "loop/createServer",
      { ...nowhere, tls: { cert: pem("client.pem"), key: pem("client.encrypted.key") } },
      { code: -32602 },
    ],
  ]
  for (const [what, method, params, expected] of cases) {
    test(what, async () => {
      const daemon = await client()
      expect(await daemon.failure(method, params)).toMatchObject(expected)
    })
  }
})

describe("a TLS server", () => {
  test("announces connections after their handshake, and takes files and an encrypted key", async () => {
    const daemon = await client()
    const tls = {
      cert: undefined,
      key: undefined,
      certFile: certificateFile("client.pem"),
      keyFile: certificateFile("client.encrypted.key"),
      passphrase: "secret",
      alpn: ["one"],
    }
    const port = await serve(daemon, tls)
    const plain = await visit(harness, port)
    const session = await visitTls(harness, { port, rejectUnauthorized: false, ALPNProtocols: ["one"] })
    const { transport, kind, extra } = await announced(daemon)
    expect(kind).toBe("tls")
    expect(extra).toMatchObject({
      peername: { port: session.localPort },
      peercert: null,
      ssl_object: { serverSide: true, serverHostname: "localhost", selectedAlpnProtocol: "one" },
    })
    session.write("hello")
    await daemon.until(() => daemon.count(transport) === 5)
    daemon.notify("transport/write", { transport, data: Buffer.from("welcome") })
    const [chunk] = (await once(session, "data")) as [Buffer]
    expect(chunk.toString()).toBe("welcome")
    expect(daemon.notifications.filter(({ method }) => method === "protocol/connectionMade")).toHaveLength(1)
    plain.destroy()
  })

  test("loses a connection that does not speak TLS, and nothing else", async () => {
    const daemon = await client()
    const port = await serve(daemon)
    const stranger = await visit(harness, port)
    const gone = new Recorder(stranger).over
    stranger.write("GET / HTTP/1.1\r\n\r\n")
    await gone
    await visitTls(harness, { port })
    const { transport } = await announced(daemon)
    await daemon.barrier()
    expect(daemon.notifications.map(({ params }) => params.transport)).toEqual([transport])
  })

  test("loses a connection that takes too long, and nothing else", async () => {
    const daemon = await client()
    const port = await serve(daemon, { handshakeTimeoutMs: 50 })
    await new Recorder(await visit(harness, port)).over
    await visitTls(harness, { port })
    await announced(daemon)
  })

  test("lets go of handshakes when it closes, and keeps its connections", async () => {
    const daemon = await client()
    const port = await serve(daemon)
    const session = await visitTls(harness, { port })
    const { transport } = await announced(daemon)
    const shaking = new Recorder(await visit(harness, port))
    // Accepted in order: once a second session is there, the daemon has the one before it.
    await visitTls(harness, { port })
    const { server } = (await announced(daemon, 1)) as unknown as { server: number }
    await daemon.request("server/close", { server })
    await shaking.over
    session.write("still here")
    await daemon.until(() => daemon.count(transport) === 10)
  })

  test("asks for certificates and takes the right ones alone", async () => {
    const daemon = await client()
    const port = await serve(daemon, { ...trusting, requestCert: true })
    await visitTls(harness, { port, cert: pem("client.pem"), key: pem("client.key") })
    const { extra } = await announced(daemon)
    expect(extra.peercert).toMatchObject({
      subject: [[["organizationName", "transportd tests"]], [["commonName", "ada"]]],
    })
    expect(extra.sslcontext).toMatchObject({ verifyMode: "CERT_REQUIRED" })
    for (const own of [{}, { cert: pem("stranger.pem"), key: pem("stranger.key") }]) {
      // TLS 1.2 tells the client before its handshake is done; with 1.3 the client learns it from what it reads.
      await expect(visitTls(harness, { port, maxVersion: "TLSv1.2", ...own })).rejects.toThrow()
    }
    await daemon.barrier()
    expect(daemon.notifications).toHaveLength(1)
  })

  test("asks for certificates and takes any, when it does not verify", async () => {
    const daemon = await client()
    const port = await serve(daemon, { requestCert: true, verify: false })
    await visitTls(harness, { port, cert: pem("stranger.pem"), key: pem("stranger.key") })
    expect((await announced(daemon)).extra.peercert).toEqual({})
    await visitTls(harness, { port })
    expect((await announced(daemon, 1)).extra.peercert).toBeNull()
  })

  test("works on a Unix socket, with a client certificate from the daemon's other side", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tls-"))
    harness.cleanup(() => rmSync(folder, { recursive: true }))
    const path = join(folder, "x.sock")
    writeFileSync(join(folder, "both.pem"), pem("client.pem") + pem("client.key"))
    const daemon = await client()
    const tls = { ...serverTls, ...trusting, requestCert: true }
    await daemon.request("loop/createUnixServer", { path, tls })
    const mine = { caFile: certificateFile("ca.pem"), certFile: join(folder, "both.pem") }
    const params = { path, tls: mine, serverHostname: "www.example.test" }
    const { transport, extra } = await daemon.request<Opened>("loop/createUnixConnection", params)
    expect(extra).toMatchObject({ peername: { path }, ssl_object: { serverHostname: "www.example.test" } })
    const accepted = await daemon.until(() =>
      daemon.notifications.find(({ method, params: each }) => method === "protocol/connectionMade" && each.server),
    )
    daemon.notify("transport/write", { transport: accepted.params.transport, data: Buffer.from("hi") })
    await daemon.until(() => daemon.count(transport) === 2)
  })
})

describe("the end of a TLS connection", () => {
  async function pair(options: object = {}, tls: object = {}): Promise<[RawClient, number, TLSSocket]> {
    const peer = await listenTls(harness)
    const daemon = await client({ flowControl: true })
    const params = { ...toLocalhost, tls: { ...trusting, ...tls }, port: peer.port, options }
    const { transport } = await daemon.request<Opened>("loop/createConnection", params)
    return [daemon, transport, await peer.accepted()]
  }

  for (const onEof of ["close", "keep"]) {
    test(`follows the remote's, whatever onEof says (${onEof})`, async () => {
      const [daemon, transport, session] = await pair({ onEof })
      session.end("bye")
      expect((await daemon.lost(transport)).params.error).toBeNull()
      expect(daemon.data(transport).toString()).toBe("bye")
      expect(daemon.callbacks(transport)).toContain("eofReceived")
    })
  }

  test("does not cut off the answer to what came with the remote's end", async () => {
    const [daemon, transport, session] = await pair({ onEof: "keep" })
    const recorder = new Recorder(session as Socket)
    session.end("question")
    await daemon.callback(transport, "eofReceived")
    daemon.notify("transport/write", { transport, data: Buffer.from("answer") })
    daemon.notify("transport/close", { transport })
    await recorder.over
    expect(recorder.data.toString()).toBe("answer")
    await daemon.lost(transport)
  })

  test("of our own waits until the remote has it all", async () => {
    const [daemon, transport, session] = await pair()
    session.pause().write("unread by us")
    const sent = Buffer.alloc(900_000, "x")
    daemon.notify("transport/write", { transport, data: sent })
    daemon.notify("transport/close", { transport })
    const recorder = new Recorder(session as Socket)
    session.on("end", () => session.end())
    await recorder.over
    expect(recorder.bytes).toBe(sent.length)
    expect((await daemon.lost(transport)).params.error).toBeNull()
  })

  test("of our own is given up when the remote never ends", async () => {
    const [daemon, transport, session] = await pair({}, { shutdownTimeoutMs: 50 })
    const recorder = new Recorder(session as Socket)
    daemon.notify("transport/close", { transport })
    await recorder.over
    const { error } = (await daemon.lost(transport)).params
    expect(error).toMatchObject({ code: 1203, data: { operation: "close", timeoutMs: 50 } })
  })

  test("by abort is at once and without an error", async () => {
    const [daemon, transport, session] = await pair()
    const recorder = new Recorder(session as Socket)
    daemon.notify("transport/abort", { transport })
    expect((await daemon.lost(transport)).params.error).toBeNull()
    expect(daemon.callbacks(transport)).not.toContain("eofReceived")
    await recorder.over
  })

  test("by a damaged record is the remote's fault, and says what it was", async () => {
    // A relay that lets the handshake pass and then spoils what the server sends.
    let spoil = false
    const peer = await listenTls(harness)
    const relay = await listenPeer(harness, (socket) => {
      const onward = connectPlain(peer.port, "127.0.0.1").on("error", () => {})
      harness.cleanup(() => onward.destroy())
      socket.pipe(onward)
      onward.on("data", (chunk: Buffer) => {
        if (spoil) chunk[chunk.length - 1]! ^= 1
        socket.write(chunk)
      })
    })
    const daemon = await client()
    const { transport } = await daemon.request<Opened>("loop/createConnection", { ...toLocalhost, port: relay.port })
    const session = await peer.accepted()
    session.write("good")
    await daemon.until(() => daemon.count(transport) === 4)
    spoil = true
    session.write("spoilt")
    expect((await daemon.lost(transport)).params.error).toMatchObject({
      code: 1103,
      data: { transport, reason: expect.stringMatching(/^ERR_SSL_.*BAD_RECORD_MAC$/) },
    })
    expect(daemon.data(transport).toString()).toBe("good")
  })

  test("by a remote that just hangs up is an end of file", async () => {
    const [daemon, transport, session] = await pair()
    session.write("cut")
    await daemon.until(() => daemon.count(transport) === 3)
    ;(session as unknown as { _parent: Socket })._parent.end()
    session.destroy()
    await daemon.lost(transport)
    expect(daemon.callbacks(transport)).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"])
  })
})
