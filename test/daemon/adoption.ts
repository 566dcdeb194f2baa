/**
 * Sockets that exist already, as the daemon inherits them: the same behaviour with the C library and without, but for
 * what only the library tells.
 */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { canCopy, copyOf } from "../support/descriptors.ts"
import { udpPeer } from "../support/datagrams.ts"
import { echo, listenPeer, visit } from "../support/peers.ts"
import { folder } from "../support/pipes.ts"
import { setup } from "../support/setup.ts"
import { listenTls, trusting } from "../support/tls.ts"

interface Opened {
  readonly transport: number
  readonly kind: string
  readonly extra: Record<string, unknown>
}

interface Listening {
  readonly server: number
  readonly sockets: unknown[]
}

/** @param knows whether the daemon has the C library, and with it knows a socket before it takes it. */
export function adoptionSuite(title: string, knows: boolean): void {
  const harness = setup()

  /** A client of a daemon that inherited these. */
  async function inheriting(
    ...descriptors: number[]
  ): ReturnType<Awaited<ReturnType<typeof harness.startDaemon>>["connect"]> {
    return await (await harness.startDaemon({ descriptors })).connect()
  }

  async function tcpSocket(port: number): Promise<Socket> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }).pause()
    await once(socket, "connect")
    return socket
  }

  describe.skipIf(!canCopy)(title, () => {
    it("makes a connection of a connected socket, and closes it in the end", async () => {
      const peer = await listenPeer(harness, echo)
      const socket = await tcpSocket(peer.port)
      const { localPort } = socket
      const fd = copyOf(socket)
      socket.destroy()
      const client = await inheriting(fd)
      const { transport, kind, extra } = await client.request<Opened>("loop/createConnection", { fd })
      expect([kind, extra]).toMatchObject([
        "tcp",
        { peername: { port: peer.port }, sockname: { port: localPort }, socket: { type: "stream", noDelay: true } },
      ])
      client.notify("transport/write", { transport, text: "echo" })
      client.notify("transport/writeEof", { transport })
      expect((await client.lost(transport)).params.error).toBeNull()
      expect(client.data(transport).toString()).toBe("echo")
      expect((await client.failure("loop/createConnection", { fd })).code).toBe(-32602)
    })

    it("makes a session of a connected socket, under the name that is given", async () => {
      const peer = await listenTls(harness)
      const [one, two, three] = await Promise.all([1, 2, 3].map(() => tcpSocket(peer.port)))
      const fds = [one, two, three].map((socket) => copyOf(socket as Socket))
      for (const socket of [one, two, three]) socket?.destroy()
      const client = await inheriting(...fds)
      const [first, second, third] = fds
      const nameless = await client.failure("loop/createConnection", { fd: first, tls: trusting })
      expect([nameless.code, nameless.message.includes("serverHostname")]).toEqual([-32602, true])
      const wrong = { fd: second, tls: trusting, serverHostname: "wrong.example" }
      expect((await client.failure("loop/createConnection", wrong)).code).toBe(1402)
      // The failed session has had its socket; the one that was refused before is still there.
      expect((await client.failure("loop/createConnection", wrong)).code).toBe(-32602)
      for (const fd of [first, third]) {
        const params = { fd, tls: trusting, serverHostname: "localhost" }
        const { transport, kind } = await client.request<Opened>("loop/createConnection", params)
        expect(kind).toBe("tls")
        client.notify("transport/abort", { transport })
        await client.lost(transport)
      }
    })

    it("makes a connection of a Unix socket, and knows where it is bound if it can", async () => {
      const path = join(await folder(harness), "socket")
      const server = createServer({ pauseOnConnect: true }).listen(path)
      const accepted = once(server, "connection")
      const near = connect(path)
      harness.cleanup(() => near.destroy())
      const [far] = (await accepted) as [Socket]
      const fds = [copyOf(near), copyOf(far)]
      far.destroy()
      server.close()
      const client = await inheriting(...fds)
      const opened = await client.request<Opened>("loop/createConnection", { fd: fds[0] })
      const bound = { path: knows ? path : "" }
      expect(opened).toMatchObject({ kind: "unix", extra: { peername: bound, sockname: { path: "" } } })
      const other = await client.request<Opened>("loop/createUnixConnection", { fd: fds[1] })
      expect(other).toMatchObject({ kind: "unix", extra: { peername: { path: "" }, sockname: bound } })
      client.notify("transport/write", { transport: other.transport, text: "hello" })
      await client.until(() => client.data(opened.transport).toString() === "hello")
    })

    it("listens on a socket when it is told to, and closes one that it never listened on", async () => {
      const sockets = await Promise.all(
        ["127.0.0.1", "127.0.0.1", "::1"].map(async (host) => {
          const server = createServer({ pauseOnConnect: true }).listen(0, host)
          await once(server, "listening")
          return server
        }),
      )
      const fds = sockets.map(copyOf)
      const places = sockets.map((server) => server.address() as AddressInfo)
      for (const server of sockets) server.close()
      const client = await inheriting(...fds)
      for (const [at, fd] of fds.entries()) {
        const { address, port, family } = places[at] as AddressInfo
        const isIdle = at === 1
        const made = await client.request<Listening>("loop/createServer", { fd, startServing: !isIdle })
        expect(made.sockets).toEqual(isIdle ? [] : [{ host: address, port, family }])
        if (!isIdle) {
          const visitor = connect(port, address)
          await client.until(() => client.notifications.some(({ params }) => params.server === made.server))
          visitor.destroy()
        }
        await client.request("server/close", { server: made.server })
        const refused = connect(port, address)
        expect(((await once(refused, "error")) as [NodeJS.ErrnoException])[0].code).toBe("ECONNREFUSED")
      }
    })

    it("says what the system does not listen on, and has closed it then", async () => {
      const peer = await listenPeer(harness)
      const visitor = await visit(harness, peer.port)
      const fd = copyOf(visitor)
      const client = await inheriting(fd)
      const error = await client.failure("loop/createServer", { fd })
      expect(error).toMatchObject({ code: 1201, data: { errno: "EINVAL", syscall: "listen" } })
      expect((await client.failure("loop/createServer", { fd })).code).toBe(-32602)
    })

    for (const host of ["127.0.0.1", "::1"]) {
      it(`makes an endpoint of a UDP socket of ${host}, connected or not`, async () => {
        const peer = await udpPeer(harness, host)
        for (const isConnected of [false, true]) {
          const socket = createSocket(host === "::1" ? "udp6" : "udp4")
          await new Promise<void>((resolve) => socket.bind(0, host, resolve))
          if (isConnected) await new Promise<void>((resolve) => socket.connect(peer.port, host, resolve))
          const { port } = socket.address()
          const fd = copyOf(socket)
          socket.close()
          const client = await inheriting(fd)
          const { transport, kind, extra } = await client.request<Opened>("loop/createDatagramEndpoint", { fd })
          const family = host === "::1" ? "IPv6" : "IPv4"
          expect([kind, extra]).toMatchObject([
            "udp",
            {
              peername: isConnected ? { host, port: peer.port, family } : null,
              sockname: { host, port, family },
              socket: { type: "datagram", family },
            },
          ])
          const addr = isConnected ? null : { host, port: peer.port }
          await client.request("transport/sendto", { transport, text: "ping", addr })
          const letter = await peer.next()
          expect([letter.data.toString(), letter.from.port]).toEqual(["ping", port])
          await peer.send("pong", { host, port })
          expect((await client.callback(transport, "datagramReceived")).params.addr).toMatchObject({ port: peer.port })
        }
      })
    }

    it("refuses a socket of another kind, which stays", async () => {
      const udp = createSocket("udp4")
      await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve))
      const peer = await listenPeer(harness)
      const tcp = await tcpSocket(peer.port)
      const fds = [copyOf(udp), copyOf(tcp)]
      udp.close()
      tcp.destroy()
      const client = await inheriting(...fds)
      const [datagrams, stream] = fds
      for (const [method, fd] of [
        ["createConnection", datagrams],
        ["connectAcceptedSocket", datagrams],
        ["createDatagramEndpoint", stream],
      ] as const) {
        const { code, message } = await client.failure(`loop/${method}`, { fd })
        expect([method, code, message.includes(`descriptor ${fd}`)]).toEqual([method, -32602, true])
      }
      await client.request("loop/createDatagramEndpoint", { fd: datagrams })
      await client.request("loop/createConnection", { fd: stream })
    })

    it("refuses TCP where Unix was asked for", async () => {
      const listening = createServer().listen(0, "127.0.0.1")
      await once(listening, "listening")
      const peer = await listenPeer(harness)
      const tcp = await tcpSocket(peer.port)
      const fds = [copyOf(listening), copyOf(tcp)]
      listening.close()
      tcp.destroy()
      const client = await inheriting(...fds)
      for (const [method, fd] of [
        ["createUnixServer", fds[0]],
        ["createUnixConnection", fds[1]],
      ]) {
        const { code, message } = await client.failure(`loop/${method}`, { fd })
        expect([code, message.includes("is not a")]).toEqual([-32602, true])
      }
      // What is known beforehand is not taken.
      if (!knows) return
      await client.request("loop/createServer", { fd: fds[0] })
      await client.request("loop/createConnection", { fd: fds[1] })
    })

    it("refuses a place beside a socket, and what is to be set before", async () => {
      const client = await inheriting()
      const host = "127.0.0.1"
      for (const [method, params] of [
        ["createConnection", { fd: "x", host, port: 1 }],
        ["createConnection", { fd: "x", port: 1 }],
        ["createConnection", { host }],
        ["createConnection", {}],
        ["createServer", { fd: "x", port: 0 }],
        ["createServer", { fd: "x", host }],
        ["createServer", {}],
        ["createUnixConnection", { fd: "x", path: "/x" }],
        ["createUnixServer", {}],
        ["createDatagramEndpoint", { fd: "x", family: 4 }],
        ["createDatagramEndpoint", { fd: "x", reusePort: true }],
        ["createDatagramEndpoint", { fd: "x", multicast: {} }],
        ["connectAcceptedSocket", {}],
        ["connectAcceptedSocket", { fd: "" }],
        ["connectAcceptedSocket", { fd: -1 }],
        ["connectAcceptedSocket", { fd: 3 }],
      ] as const) {
        expect([method, params, (await client.failure(`loop/${method}`, params)).code]).toEqual([
          method,
          params,
          -32602,
        ])
      }
    })
  })
}
