/** The scenarios of what opens connections: failures, servers, Unix sockets, TLS. Each has a program of its name. */
import { join } from "node:path"
import type { StreamProtocol } from "transportd/client"
import { barrier } from "../client/library.ts"
import { closedPort } from "../support/peers.ts"
import { folder } from "../support/pipes.ts"
import { pem } from "../support/tls.ts"
import { awaited, oops, outcome, Recorder, type Remote, type Scenario, type Twin } from "./twin.ts"

const host = "127.0.0.1"

function noting(twin: Twin): () => StreamProtocol {
  return () => {
    twin.note("factory")
    return {}
  }
}

export const opening: Readonly<Record<string, Scenario>> = {
  async refused(twin) {
    twin.note(await awaited(twin.loop.createConnection(noting(twin), { host, port: await closedPort() })))
  },

  async unresolved(twin) {
    twin.note(await awaited(twin.loop.createConnection(noting(twin), { host: "host.invalid", port: 1 })))
  },

  async factory_raises(twin) {
    const { port } = await twin.listen()
    twin.note(await awaited(twin.loop.createConnection(oops, { host, port })))
  },

  async server(twin) {
    const protocols: Recorder[] = []
    const factory = (): Recorder => {
      const protocol = new Recorder(twin, {}, `protocol ${protocols.length}`)
      protocols.push(protocol)
      return protocol
    }
    const server = await twin.loop.createServer(factory, { host, port: 0 })
    twin.note("serving", server.isServing(), server.sockets.length)
    const { port } = server.sockets[0] as { port: number }
    const remotes: Remote[] = []
    for (const number of [0, 1]) {
      const remote = await twin.visit(port)
      remotes.push(remote)
      await remote.send("x".repeat(number + 1))
      await twin.heard(`protocol ${number}.data_received`)
    }
    server.close()
    server.close()
    twin.note("serving", server.isServing(), server.sockets.length)
    twin.note(await awaited(twin.loop.createConnection(noting(twin), { host, port })))
    await server.waitClosed()
    await remotes[0]?.send("still")
    await twin.until(() => protocols[0]?.received.length === 6)
    for (const [number, protocol] of protocols.entries()) {
      remotes[number]?.end()
      await protocol.lost
    }
  },

  async server_in_use(twin) {
    const { port } = await twin.listen()
    twin.note(await awaited(twin.loop.createServer(noting(twin), { host, port })))
  },

  async server_late(twin) {
    const server = await twin.loop.createServer(noting(twin), { host, port: 0, startServing: false })
    twin.note("serving", server.isServing())
    await server.startServing()
    await server.startServing()
    twin.note("serving", server.isServing())
    server.close()
    twin.note("serving", server.isServing())
  },

  async server_factory_raises(twin) {
    // asyncio tells of it in its debug mode alone.
    twin.client.setExceptionHandler(() => {})
    const answers = [oops, () => new Recorder(twin, {}, "next")]
    const server = await twin.loop.createServer(() => (answers.shift() ?? oops)(), { host, port: 0 })
    const { port } = server.sockets[0] as { port: number }
    const refused = await twin.visit(port)
    twin.note("remote got", (await refused.rest()).length)
    const remote = await twin.visit(port)
    remote.end()
    const data = await remote.rest()
    await twin.settle()
    server.close()
    twin.note("remote got", data.length)
  },

  async unix(twin) {
    const path = join(await folder(twin.harness), "socket")
    const served: Recorder = new Recorder(twin, { dataReceived: (data) => served.transport?.write(data) }, "server")
    const server = await twin.loop.createUnixServer(() => served, { path })
    const dialled = new Recorder(twin, {}, "client")
    const [transport] = await twin.loop.createUnixConnection(() => dialled, { path })
    await twin.heard("server.connection_made")
    const nameOf = (each: Recorder, name: string): unknown =>
      (each.transport!.getExtraInfo(name) as { path: string }).path
    twin.note(nameOf(dialled, "peername") === path, nameOf(served, "sockname") === path)
    transport.write(Buffer.from("echo"))
    await twin.heard("client.data_received")
    transport.close()
    await Promise.all([served.lost, dialled.lost])
    server.close()
    twin.note(await awaited(twin.loop.createUnixConnection(noting(twin), { path: `${path}.missing` })))
    twin.sort()
  },

  async tls(twin) {
    const served: Recorder = new Recorder(twin, { dataReceived: (data) => served.transport?.write(data) }, "server")
    const tls = { cert: pem("server.pem"), key: pem("server.key") }
    const server = await twin.loop.createServer(() => served, { host, port: 0, tls })
    const client = new Recorder(twin, { eofReceived: () => true }, "client")
    const { port } = server.sockets[0] as { port: number }
    const trusting = { host, port, tls: { ca: pem("ca.pem") }, serverHostname: "localhost" }
    const [transport] = await twin.loop.createConnection(() => client, trusting)
    await twin.heard("server.connection_made")
    const { lowBytes, highBytes } = transport.getWriteBufferLimits()
    const throws = outcome(() => transport.writeEof())
    twin.note(transport.canWriteEof(), throws, lowBytes, highBytes)
    const cipher = transport.getExtraInfo("cipher") as [string, string, number]
    const agree = JSON.stringify(cipher) === JSON.stringify(served.transport?.getExtraInfo("cipher"))
    twin.note(agree, cipher[1], cipher[2] === 128 || cipher[2] === 256)
    const { subject } = transport.getExtraInfo("peercert") as { subject: string[][][] }
    twin.note(
      transport.getExtraInfo("compression", "x"),
      subject[0]?.[0]?.[0],
      served.transport?.getExtraInfo("peercert", 1),
    )
    transport.write(Buffer.alloc(1_000))
    await twin.until(() => client.received.length === 1_000)
    twin.note("echoed", client.received.length)
    served.transport?.close()
    await client.lost
    twin.note("closing", transport.isClosing())
    server.close()
    await barrier(twin.client)
    const own = twin.trace.splice(0).filter((event) => !event.startsWith("server."))
    twin.trace.push(...own)
  },

  async tls_untrusted(twin) {
    const tls = { cert: pem("server.pem"), key: pem("server.key") }
    const server = await twin.loop.createServer(() => ({}), { host, port: 0, tls })
    const { port } = server.sockets[0] as { port: number }
    for (const [trust, serverHostname] of [
      [{}, "localhost"],
      [{ ca: pem("ca.pem") }, "example.org"],
    ] as const) {
      twin.note(await awaited(twin.loop.createConnection(() => ({}), { host, port, tls: trust, serverHostname })))
    }
    server.close()
  },
}
