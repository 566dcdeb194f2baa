/** All protocols: when their callbacks come, and that they may be missing. */
import { expect } from "vitest"
import type { Transport } from "transportd/client"
import { libc } from "../../daemon/native/libc.ts"
import { barrier, BufferedRecorder, ProcessRecorder, Recorder } from "../client/library.ts"
import { udpPeer } from "../support/datagrams.ts"
import { listenPeer, Recorder as RemoteRecorder, visit } from "../support/peers.ts"
import { cat, shell } from "../support/programs.ts"
import { setupKinds, STREAMS } from "./kinds.ts"
import { proves, provesFor, skipped } from "./rows.ts"

const harness = setupKinds()
const { connected, running, startLibrary, writing } = harness

skipped("P-1", "a sentence that introduces the others: each of them shows it")

proves("P-2", "a protocol without a single method lives and ends like any other, for every kind", async () => {
  const { client, reports } = await startLibrary()
  const peer = await listenPeer(harness, (socket) => socket.end("unheard"))
  const [transport] = await client.loop.createConnection(() => ({}), { host: peer.host, port: peer.port })
  const [endpoint] = await client.loop.createDatagramEndpoint(() => ({}), { family: "IPv4" })
  const [child] = await client.loop.subprocessExec(() => ({}), ["echo", "unheard"])
  while (!transport.isClosing() || child.getReturncode() === null) await barrier(client)
  endpoint.close()
  await barrier(client)
  expect(reports).toEqual([])
})

proves("P-3", "callbacks come from the loop, never from inside a method; pauseWriting alone does", async () => {
  let inside = ""
  const surprises: string[] = []
  const hear = (callback: string) => (): void => {
    if (inside !== "") surprises.push(`${callback} inside ${inside}`)
  }
  const protocol = new Recorder({
    dataReceived: hear("dataReceived"),
    eofReceived: hear("eofReceived"),
    connectionLost: hear("connectionLost"),
    pauseWriting: hear("pauseWriting"),
    resumeWriting: hear("resumeWriting"),
  })
  const { client, transport, remote } = await connected("tcp", protocol)
  transport.pauseReading()
  remote.end("held")
  remote.resume()
  await barrier(client)
  const call = (name: string, action: () => void): void => {
    inside = name
    action()
    inside = ""
  }
  call("resumeReading", () => transport.resumeReading())
  call("write", () => transport.write(Buffer.alloc(70_000)))
  call("setWriteBufferLimits", () => transport.setWriteBufferLimits({ highBytes: 10 }))
  call("close", () => transport.close())
  call("abort", () => transport.abort())
  await protocol.lost()
  expect(surprises).toEqual(["pauseWriting inside write"])
})

proves("P-4", "callbacks go to the protocol of their transport", async () => {
  const { client } = await startLibrary()
  const peer = await listenPeer(harness, (socket) => socket.pipe(socket))
  const each = await Promise.all(
    Array.from({ length: 20 }, async (_, name) => {
      const [transport, protocol] = await client.loop.createConnection(() => new Recorder(), peer)
      transport.write(Buffer.from(`${name};`))
      return protocol
    }),
  )
  await Promise.all(each.map((protocol, name) => protocol.received(`${name};`.length)))
  expect(each.map(({ data }) => data.toString())).toEqual(each.map((_, name) => `${name};`))
})

proves("P-5", "made, lost, pause and resume come for every kind, a process included", async () => {
  for (const kind of [...STREAMS, "pipe"] as const) {
    const { transport, protocol, remote } = await writing(kind, new Recorder())
    const got = new RemoteRecorder(remote)
    transport.write(Buffer.alloc(600_000))
    await protocol.recording.heard("resume")
    transport.close()
    await Promise.all([protocol.lost(), got.over])
    expect(protocol.recording.events).toEqual(["made", "pause", "resume", "lost"])
  }
  const { transport, protocol } = await running(cat, new ProcessRecorder())
  transport.getPipeTransport(0)?.write(Buffer.alloc(600_000))
  await protocol.recording.heard("resume")
  transport.close()
  await protocol.lost()
})

provesFor("P-6", [...STREAMS], "a Protocol is for a stream: made, data, eof, lost", async (kind) => {
  const { protocol, remote } = await connected(kind, new Recorder())
  remote.end("stream")
  remote.resume()
  await protocol.lost()
  expect(protocol.data.toString()).toBe("stream")
  expect(protocol.recording.events.at(0)).toBe("made")
})

provesFor("P-7", [...STREAMS], "a BufferedProtocol is for a stream and provides the buffer", async (kind) => {
  const { protocol, remote } = await connected(kind, new BufferedRecorder(() => Buffer.alloc(100)))
  remote.end("stream")
  remote.resume()
  await protocol.recording.heard("lost")
  expect(protocol.data.toString()).toBe("stream")
})

proves("P-8", "a DatagramProtocol is for datagrams", async () => {
  const { client } = await startLibrary()
  const peer = await udpPeer(harness)
  let hear = (_text: string): void => {}
  const heard = new Promise<string>((resolve) => (hear = resolve))
  const protocol = { datagramReceived: (data: Buffer) => hear(data.toString()) }
  const [transport] = await client.loop.createDatagramEndpoint(() => protocol, { remoteAddr: peer.addr })
  transport.sendto(Buffer.from("ping"))
  const { from } = await peer.next()
  await peer.send("pong", { host: from.address, port: from.port })
  expect(await heard).toBe("pong")
})

proves("P-10", "all protocols hear connectionMade with their transport, and connectionLost", async () => {
  const { client } = await startLibrary()
  const heard: unknown[] = []
  const protocol = {
    connectionMade: (transport: object) => void heard.push(transport),
    connectionLost: (error: Error | null) => void heard.push(error),
  }
  const peer = await listenPeer(harness)
  const [stream] = await client.loop.createConnection(() => protocol, peer)
  const [endpoint] = await client.loop.createDatagramEndpoint(() => protocol, { family: "IPv4" })
  const [child] = await client.loop.subprocessExec(() => protocol, [cat.program])
  expect(heard).toEqual([stream, endpoint, child])
  for (const each of [stream, endpoint, child]) each.close()
  while (heard.length < 6) await barrier(client)
  expect(heard.slice(3)).toEqual([null, null, null])
})

proves("P-9", "a child's descriptors are one-way pipes, which it can open once more by name", async ({ skip }) => {
  if (libc() === null) return skip("without koffi a child has Node's pairs of sockets")
  const { client } = await startLibrary()
  const protocol = new ProcessRecorder()
  const line =
    "test -p /dev/fd/0 -a -p /dev/fd/1 -a -p /dev/fd/2 && cat </dev/stdin >/dev/stdout && echo end >/dev/stderr"
  const [transport] = await client.loop.subprocessShell(() => protocol, line)
  const stdin = transport.getPipeTransport(0)
  stdin?.write(Buffer.from("through"))
  stdin?.writeEof()
  await protocol.lost()
  expect([protocol.output(1), protocol.output(2)]).toEqual(["through", "end\n"])
  expect(transport.getReturncode()).toBe(0)
  // One-way: what is read from cannot be written to, and the other way round.
  expect(transport.getPipeTransport(0)).not.toHaveProperty("pauseReading")
  expect(transport.getPipeTransport(1)).not.toHaveProperty("write")
})

const ENDS: Record<string, (transport: Transport, remote: { end(): void; resetAndDestroy(): void }) => void> = {
  "close()": (transport) => transport.close(),
  "abort()": (transport) => transport.abort(),
  "close() and abort()": (transport) => {
    transport.close()
    transport.abort()
  },
  "the remote's end": (_transport, remote) => remote.end(),
  "a reset": (_transport, remote) => remote.resetAndDestroy(),
  "both at once": (transport, remote) => {
    remote.end()
    transport.close()
  },
  "a write to nobody": (transport, remote) => {
    remote.resetAndDestroy()
    transport.write(Buffer.alloc(1_000_000))
  },
}

provesFor("P-11", Object.keys(ENDS), "connectionMade and connectionLost come once each", async (end) => {
  const { client, transport, protocol, remote } = await connected("tcp", new Recorder())
  ENDS[end]?.(transport, remote)
  await protocol.lost()
  transport.close()
  transport.abort()
  await barrier(client)
  expect([protocol.recording.count("made"), protocol.recording.count("lost")]).toEqual([1, 1])
})

proves(
  "P-12",
  "whatever a remote does at the very moment of the connection, made is first and lost is last",
  async () => {
    const { client } = await startLibrary()
    const peer = await listenPeer(harness, (socket) => socket.end("with the connection"))
    for (let count = 0; count < 20; count++) {
      const [, protocol] = await client.loop.createConnection(() => new Recorder(), peer)
      await protocol.lost()
      expect(protocol.recording.events).toEqual(["made", "data", "eof", "lost"])
    }
    const accepted: Recorder[] = []
    const factory = (): Recorder => {
      const protocol = new Recorder({ connectionMade: (transport) => transport.close() })
      accepted.push(protocol)
      return protocol
    }
    const server = await client.loop.createServer(factory, { host: "127.0.0.1", port: 0 })
    const visitor = await visit(harness, (server.sockets[0] as { port: number }).port)
    visitor.end("with the connection")
    while (accepted[0]?.error === undefined) await barrier(client)
    expect(accepted[0].recording.events).toEqual(["made", "lost"])
  },
)

proves("P-13", "connectionMade comes behind the handshake, and before any output of a process", async () => {
  const ciphers: unknown[] = []
  const observer = new Recorder({ connectionMade: (transport) => ciphers.push(transport.getExtraInfo("cipher")) })
  await connected("tls", observer)
  expect(ciphers).toEqual([expect.arrayContaining(["TLSv1.3"])])
  const { protocol } = await running(shell("echo early; exit 0"), new ProcessRecorder())
  await protocol.lost()
  expect(protocol.recording.events[0]).toBe("made")
  expect(protocol.output(1)).toBe("early\n")
})

provesFor("P-14", STREAMS, "the transport works inside connectionMade", async (kind) => {
  const limits: unknown[] = []
  const protocol = new Recorder({
    connectionMade: (transport) => {
      transport.pauseReading()
      transport.setWriteBufferLimits({ highBytes: 10 })
      limits.push(transport.getWriteBufferLimits(), transport.getExtraInfo("sockname") !== null)
      transport.write(Buffer.from("made"))
      transport.close()
    },
  })
  const { transport, remote } = await connected(kind, protocol)
  expect(transport.isClosing()).toBe(true)
  const got = new RemoteRecorder(remote)
  expect(await protocol.lost()).toBeNull()
  await got.over
  expect(got.data.toString()).toBe("made")
  expect(limits).toEqual([{ highBytes: 10, lowBytes: 2 }, true])
})

proves("P-15", "a transport that nobody refers to lives on", async () => {
  const { client } = await startLibrary()
  const peer = await listenPeer(harness)
  const protocol = new Recorder()
  void (await client.loop.createConnection(() => protocol, peer))
  protocol.transport = null
  globalThis.gc?.()
  const remote = await peer.accepted()
  remote.end("still heard")
  await protocol.lost()
  expect(protocol.data.toString()).toBe("still heard")
})

proves("P-16", "when connectionLost comes, the port is free and the connection gone in the daemon", async () => {
  const { client } = await startLibrary()
  const server = await client.loop.createServer(() => ({}), { host: "127.0.0.1", port: 0 })
  const { port } = server.sockets[0] as { port: number }
  let again = Promise.resolve<unknown>(null)
  const protocol = new Recorder({
    connectionLost: () => {
      server.close()
      again = client.loop.createServer(() => ({}), { host: "127.0.0.1", port })
    },
  })
  const [transport] = await client.loop.createConnection(() => protocol, { host: "127.0.0.1", port })
  transport.close()
  await protocol.lost()
  await again
  const outcome = client.request("transport/describe", { transport: transport.id })
  expect(
    await outcome.then(
      ({ state }) => state,
      () => "gone",
    ),
  ).not.toBe("open")
})

proves("P-17", "connectionLost gets null or an Error with the name of the system's reason", async () => {
  const closed = await connected("tcp", new Recorder())
  closed.transport.close()
  expect(await closed.protocol.lost()).toBeNull()
  const reset = await connected("tcp", new Recorder())
  reset.remote.resetAndDestroy()
  const error = await reset.protocol.lost()
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: "TransportBroken", errno: "ECONNRESET", code: 1103 })
})

provesFor("P-18", STREAMS, "the remote's end, close() and abort() are told with null", async (kind) => {
  for (const end of ["remote", "close", "abort"] as const) {
    const { transport, protocol, remote } = await connected(kind, new Recorder())
    remote.resume()
    if (end === "remote") remote.end()
    else transport[end]()
    expect(await protocol.lost()).toBeNull()
  }
})

proves(
  "P-19",
  "a protocol that never writes much is never paused; one that stops when paused stays bounded",
  async () => {
    const small = await connected("tcp", new Recorder())
    small.transport.write(Buffer.from("little"))
    await barrier(small.client)
    expect(small.protocol.recording.events).toEqual(["made"])

    let [mayWrite, most] = [true, 0]
    const protocol = new Recorder({ pauseWriting: () => (mayWrite = false), resumeWriting: () => (mayWrite = true) })
    const { client, transport, remote } = await connected("tcp", protocol)
    const got = new RemoteRecorder(remote)
    while (got.bytes < 2_000_000) {
      if (mayWrite) transport.write(Buffer.alloc(10_000))
      else await barrier(client)
      most = Math.max(most, transport.getWriteBufferSize())
    }
    expect(most).toBeLessThanOrEqual(65_536 + 10_000)
  },
)

proves("P-20", "pauseWriting comes inside the write that goes over the high mark", async () => {
  const { transport, protocol } = await connected("tcp", new Recorder())
  transport.setWriteBufferLimits({ highBytes: 100 })
  transport.write(Buffer.alloc(60))
  transport.write(Buffer.alloc(40))
  expect(protocol.recording.count("pause")).toBe(0)
  transport.write(Buffer.alloc(1))
  expect(protocol.recording.count("pause")).toBe(1)
})

proves("P-21", "resumeWriting may write again, on this transport and on another, and pauses again", async () => {
  const other = await connected("tcp", new Recorder())
  const elsewhere = new RemoteRecorder(other.remote)
  let rounds = 0
  const protocol: Recorder = new Recorder({
    resumeWriting: () => {
      other.transport.write(Buffer.alloc(1_000))
      if (++rounds < 3) protocol.transport?.write(Buffer.alloc(70_000))
      else protocol.transport?.close()
    },
  })
  const { transport, remote } = await connected("tcp", protocol)
  const got = new RemoteRecorder(remote)
  transport.write(Buffer.alloc(70_000))
  await Promise.all([protocol.lost(), got.over, elsewhere.until(3_000)])
  expect(protocol.recording.events).toEqual(["made", ...Array(3).fill(["pause", "resume"]).flat(), "lost"])
  expect(got.bytes).toBe(210_000)
})

proves("P-22", "at exactly the high mark nothing is paused", async () => {
  const { client, transport, protocol } = await connected("tcp", new Recorder())
  transport.setWriteBufferLimits({ highBytes: 100 })
  transport.write(Buffer.alloc(100))
  expect(transport.getWriteBufferSize()).toBe(100)
  while (transport.getWriteBufferSize() > 0) await barrier(client)
  expect(protocol.recording.events).toEqual(["made"])
})

proves("P-23", "a buffer that drains to exactly the low mark resumes", async () => {
  const sizes: number[] = []
  const protocol: Recorder = new Recorder({ resumeWriting: () => sizes.push(protocol.transport!.getWriteBufferSize()) })
  const { transport } = await connected("tcp", protocol)
  transport.setWriteBufferLimits({ highBytes: 0 })
  transport.write(Buffer.from("x"))
  await protocol.recording.heard("resume")
  // The mark is 0: only "at or below" lets this come at all.
  expect(sizes).toEqual([0])
})

proves("P-24", "marks of zero pause on the first byte and resume on the last", async () => {
  const { transport, protocol, remote } = await connected("tcp", new Recorder())
  transport.setWriteBufferLimits({ highBytes: 0 })
  const got = new RemoteRecorder(remote)
  for (let round = 1; round <= 3; round++) {
    transport.write(Buffer.from("x"))
    expect(protocol.recording.count("pause")).toBe(round)
    await protocol.recording.until(() => protocol.recording.count("resume") === round)
  }
  await got.until(3)
})
