/** BaseTransport: what `getExtraInfo` tells, for each kind. */
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { expect } from "vitest"
import { ProcessRecorder, Recorder } from "../client/library.ts"
import { udpPeer } from "../support/datagrams.ts"
import { visit } from "../support/peers.ts"
import { folder, namedPipe } from "../support/pipes.ts"
import { cat } from "../support/programs.ts"
import { pem } from "../support/tls.ts"
import { setupKinds, STREAMS } from "./kinds.ts"
import { proves, provesFor } from "./rows.ts"

const harness = setupKinds()
const { connected, running, startLibrary } = harness

/** Which of all names are known, though the value may be null. */
function known(transport: { getExtraInfo(name: string, otherwise?: unknown): unknown }): string[] {
  const names = "peername sockname socket compression cipher peercert sslcontext ssl_object pipe subprocess".split(" ")
  const nothing = Symbol("nothing")
  return names.filter((name) => transport.getExtraInfo(name, nothing) !== nothing)
}

const SOCKET = ["peername", "sockname", "socket"]
const TLS = ["compression", "cipher", "peercert", "sslcontext", "ssl_object"]

proves("BT-7", "getExtraInfo() knows inside connectionMade what asyncio's table lists for each kind", async () => {
  const seen: string[][] = []
  const observe = (): Recorder => new Recorder({ connectionMade: (transport) => seen.push(known(transport)) })
  for (const kind of STREAMS) await connected(kind, observe())
  expect(seen).toEqual([SOCKET, SOCKET, [...SOCKET, ...TLS]])

  const { client } = await startLibrary()
  const [endpoint] = await client.loop.createDatagramEndpoint(() => ({}), { family: "IPv4" })
  expect(known(endpoint)).toEqual(SOCKET)
  const [pipe] = await client.loop.connectReadPipe(() => new Recorder(), { path: await namedPipe(harness) })
  expect(known(pipe)).toEqual(["pipe"])
  const { transport } = await running(cat, new ProcessRecorder())
  expect(known(transport)).toEqual(["subprocess"])
})

provesFor("BT-8", STREAMS, "an unknown name is no error", async (kind) => {
  const { transport } = await connected(kind, new Recorder())
  expect(transport.getExtraInfo("nothing")).toBeNull()
  expect(transport.getExtraInfo("toString")).toBeNull()
  expect(transport.getExtraInfo("sockname")).not.toBeNull()
})

proves("BT-9", "the default is for what is not known, not for what is known to be null", async () => {
  const { client, transport } = await connected("tcp", new Recorder())
  expect(transport.getExtraInfo("pipe", "x")).toBe("x")
  const [endpoint] = await client.loop.createDatagramEndpoint(() => ({}), { family: "IPv4" })
  expect(endpoint.getExtraInfo("peername", "x")).toBeNull()
  const tls = await connected("tls", new Recorder())
  expect(tls.transport.getExtraInfo("compression", "x")).toBeNull()
})

proves("BT-10", "peername is the remote's address, inside connectionMade, for both sides", async () => {
  const { transport, remote } = await connected("tcp", new Recorder())
  const { address, port, family } = remote.address() as { address: string; port: number; family: string }
  expect(transport.getExtraInfo("peername")).toEqual({ host: address, port, family })

  const { client } = await startLibrary()
  let peername: unknown
  const observer = new Recorder({ connectionMade: (each) => void (peername = each.getExtraInfo("peername")) })
  const server = await client.loop.createServer(() => observer, { host: "127.0.0.1", port: 0 })
  const visitor = await visit(harness, (server.sockets[0] as { port: number }).port)
  await observer.recording.heard("made")
  expect(peername).toEqual({ host: "127.0.0.1", port: visitor.localPort, family: "IPv4" })

  const path = `${await folder(harness)}/socket`
  const accepted = new Recorder()
  await client.loop.createUnixServer(() => accepted, { path })
  const [dialled] = await client.loop.createUnixConnection(() => new Recorder(), { path })
  expect(dialled.getExtraInfo("peername")).toEqual({ path })
  expect(dialled.getExtraInfo("sockname")).toEqual({ path: "" })
  await accepted.recording.heard("made")
  expect(accepted.transport?.getExtraInfo("peername")).toEqual({ path: "" })
  expect(accepted.transport?.getExtraInfo("sockname")).toEqual({ path })
})

proves("BT-11", "socket is a description: type, family and the options that were set", async () => {
  // The descriptor is the daemon's: what asyncio gives as an object is told as plain data.
  const { transport } = await connected("tcp", new Recorder())
  expect(transport.getExtraInfo("socket")).toMatchObject({ type: "stream", family: "IPv4", noDelay: true })
  const unix = await connected("unix", new Recorder())
  expect(unix.transport.getExtraInfo("socket")).toMatchObject({ type: "stream", family: "Unix" })
  const [endpoint] = await unix.client.loop.createDatagramEndpoint(() => ({}), { family: "IPv4" })
  expect(endpoint.getExtraInfo("socket")).toMatchObject({ type: "datagram", family: "IPv4" })
})

proves("BT-12", "sockname is the own address as the remote sees it, with the real port", async () => {
  const { client, transport, remote } = await connected("tcp", new Recorder())
  const { remoteAddress, remotePort } = remote
  expect(transport.getExtraInfo("sockname")).toEqual({ host: remoteAddress, port: remotePort, family: "IPv4" })
  const peer = await udpPeer(harness)
  const localAddr = { host: "127.0.0.1", port: 0 }
  const [endpoint] = await client.loop.createDatagramEndpoint(() => ({}), { localAddr })
  endpoint.sendto(Buffer.from("x"), peer.addr)
  const { from } = await peer.next()
  expect(endpoint.getExtraInfo("sockname")).toEqual({ host: from.address, port: from.port, family: "IPv4" })
})

proves("BT-13", "compression of a TLS session is null, and unknown without TLS", async () => {
  const { transport } = await connected("tls", new Recorder())
  expect(transport.getExtraInfo("compression", "x")).toBeNull()
  const plain = await connected("tcp", new Recorder())
  expect(plain.transport.getExtraInfo("compression", "x")).toBe("x")
})

proves("BT-14", "cipher is name, version and secret bits, the same on both sides", async () => {
  const { transport, remote } = await connected("tls", new Recorder())
  const { name, version } = (remote as Socket as TLSSocket).getCipher()
  const bits = name.includes("128") ? 128 : 256
  expect(transport.getExtraInfo("cipher")).toEqual([name, version, bits])
})

proves(
  "BT-15",
  "peercert is as of getpeercert(): verified, {} when nobody looked, null when there is none",
  async () => {
    const verified = await connected("tls", new Recorder())
    expect(verified.transport.getExtraInfo("peercert")).toMatchObject({
      subject: expect.any(Array),
      issuer: expect.any(Array),
      notAfter: expect.any(String),
      subjectAltName: expect.arrayContaining([["DNS", "localhost"]]),
    })
    const { client } = verified
    const accepted = new Recorder()
    const server = await client.loop.createServer(() => accepted, {
      host: "127.0.0.1",
      port: 0,
      tls: { cert: pem("server.pem"), key: pem("server.key") },
    })
    const { port } = server.sockets[0] as { port: number }
    const [unverified] = await client.loop.createConnection(() => new Recorder(), {
      host: "127.0.0.1",
      port,
      serverHostname: "",
      tls: { verify: false },
    })
    expect(unverified.getExtraInfo("peercert")).toEqual({})
    await accepted.recording.heard("made")
    expect(accepted.transport?.getExtraInfo("peercert", "x")).toBeNull()
  },
)

proves("BT-16", "sslcontext is there for TLS alone, and says what is demanded of the remote", async () => {
  // The context is the daemon's: what asyncio gives as an object is told as plain data.
  const { transport } = await connected("tls", new Recorder())
  expect(transport.getExtraInfo("sslcontext")).toEqual({
    protocol: "PROTOCOL_TLS_CLIENT",
    verifyMode: "CERT_REQUIRED",
    checkHostname: true,
  })
  const plain = await connected("tcp", new Recorder())
  expect(plain.transport.getExtraInfo("sslcontext")).toBeNull()
})

proves("BT-17", "ssl_object agrees with cipher, and with what the remote says of the session", async () => {
  const { transport, remote } = await connected("tls", new Recorder())
  expect(transport.getExtraInfo("ssl_object")).toMatchObject({
    serverSide: false,
    serverHostname: "localhost",
    cipher: transport.getExtraInfo("cipher"),
    version: (remote as Socket as TLSSocket).getProtocol(),
  })
})

proves("BT-18", "pipe names the pipe, also after its end", async () => {
  const { client } = await startLibrary()
  const path = await namedPipe(harness)
  const protocol = new Recorder()
  const [transport] = await client.loop.connectReadPipe(() => protocol, { path })
  expect(transport.getExtraInfo("pipe")).toEqual({ path })
  transport.close()
  await protocol.lost()
  expect(transport.getExtraInfo("pipe")).toEqual({ path })
})

proves("BT-19", "subprocess tells the pid, and the return code once there is one", async () => {
  const { transport, protocol } = await running(cat, new ProcessRecorder())
  expect(transport.getExtraInfo("subprocess")).toEqual({ pid: transport.getPid(), returncode: null })
  transport.getPipeTransport(0)?.close()
  await protocol.lost()
  expect(transport.getExtraInfo("subprocess")).toEqual({ pid: transport.getPid(), returncode: 0 })
})
