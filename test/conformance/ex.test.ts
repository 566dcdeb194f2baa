/** The example programs of the document, with the client library in place of asyncio. */
import { expect } from "vitest"
import type {
  DatagramProtocol,
  DatagramTransport,
  Protocol,
  SenderAddress,
  SubprocessProtocol,
  Transport,
} from "transportd/client"
import { barrier } from "../client/library.ts"
import { closedUdpPort, udpPeer } from "../support/datagrams.ts"
import { listenPeer, Recorder as RemoteRecorder, visit } from "../support/peers.ts"
import { LOCAL } from "./datagrams.ts"
import { setupKinds } from "./kinds.ts"
import { proves } from "./rows.ts"

const harness = setupKinds()
const { startLibrary } = harness

/** asyncio's Future: `setResult` a second time is an error, so that each example counts its callbacks. */
class Future {
  readonly done: Promise<void>
  #resolve = (): void => {}
  #isDone = false

  constructor() {
    this.done = new Promise((resolve) => (this.#resolve = resolve))
  }

  setResult(): void {
    if (this.#isDone) throw new Error("invalid state")
    this.#isDone = true
    this.#resolve()
  }
}

proves(
  "EX-1",
  "the TCP echo server flushes what it wrote before its close, for two clients, until it is cancelled",
  async () => {
    const { client, reports } = await startLibrary()
    const names: unknown[] = []
    class EchoServerProtocol implements Protocol {
      #transport: Transport | undefined
      connectionMade(transport: Transport): void {
        names.push(transport.getExtraInfo("peername"))
        this.#transport = transport
      }
      dataReceived(data: Buffer): void {
        this.#transport?.write(data)
        this.#transport?.close()
      }
    }
    const stop = new AbortController()
    const server = await client.loop.createServer(() => new EchoServerProtocol(), { host: "127.0.0.1", port: 0 })
    const serving = server.serveForever(stop.signal)
    const { port } = server.sockets[0] as { port: number }
    const visitors = await Promise.all([visit(harness, port), visit(harness, port)])
    for (const visitor of visitors) {
      const got = new RemoteRecorder(visitor)
      visitor.write("Hello World!")
      await got.over
      expect([got.data.toString(), got.ended]).toEqual(["Hello World!", true])
    }
    expect(names).toEqual(visitors.map(({ localPort }) => ({ host: "127.0.0.1", port: localPort, family: "IPv4" })))
    stop.abort()
    await serving
    expect(server.isServing()).toBe(false)
    expect(reports).toEqual([])
  },
)

proves("EX-2", "the TCP echo client writes inside connectionMade and waits for connectionLost", async () => {
  const { client, reports } = await startLibrary()
  const peer = await listenPeer(harness, (socket) => socket.once("data", (data) => socket.end(data)).resume())
  const lines: string[] = []
  const onConLost = new Future()
  const [transport] = await client.loop.createConnection(
    (): Protocol => ({
      connectionMade: (made) => made.write(Buffer.from("Hello World!")),
      dataReceived: (data) => void lines.push(`Data received: ${data.toString()}`),
      connectionLost: () => {
        lines.push("The server closed the connection")
        onConLost.setResult()
      },
    }),
    peer,
  )
  await onConLost.done
  transport.close()
  await barrier(client)
  expect(lines).toEqual(["Data received: Hello World!", "The server closed the connection"])
  expect(reports).toEqual([])
})

class UdpEchoServer {
  transport: DatagramTransport | undefined
  connectionMade(transport: DatagramTransport): void {
    this.transport = transport
  }
  datagramReceived(data: Buffer, addr: SenderAddress): void {
    this.transport?.sendto(data, addr)
  }
}

proves("EX-3", "the UDP echo server, a class with two methods, answers each sender", async () => {
  const { client, reports } = await startLibrary()
  const [transport] = await client.loop.createDatagramEndpoint(() => new UdpEchoServer(), { localAddr: LOCAL })
  const addr = transport.getExtraInfo("sockname") as SenderAddress
  for (const name of ["one", "two"]) {
    const peer = await udpPeer(harness)
    await peer.send(name, addr)
    expect((await peer.next()).data.toString()).toBe(name)
  }
  transport.close()
  await barrier(client)
  expect(reports).toEqual([])
})

proves("EX-4", "the UDP echo client closes on the answer; without a server it hears of the refusal", async () => {
  const { client, reports } = await startLibrary()
  const lines: string[] = []
  const echoClient = (onConLost: Future): DatagramProtocol => {
    let transport: DatagramTransport | undefined
    return {
      connectionMade: (made) => {
        transport = made
        transport.sendto(Buffer.from("Hello World!"))
      },
      datagramReceived: (data) => {
        lines.push(`Received: ${data.toString()}`)
        transport?.close()
      },
      errorReceived: (error) => {
        lines.push(`Error received: ${(error as { errno?: string }).errno}`)
        transport?.close()
      },
      connectionLost: (error) => {
        lines.push(`Connection closed: ${error}`)
        onConLost.setResult()
      },
    }
  }
  const [server] = await client.loop.createDatagramEndpoint(() => new UdpEchoServer(), { localAddr: LOCAL })
  for (const port of [(server.getExtraInfo("sockname") as SenderAddress).port, await closedUdpPort()]) {
    const onConLost = new Future()
    const remoteAddr = { host: "127.0.0.1", port }
    const [transport] = await client.loop.createDatagramEndpoint(() => echoClient(onConLost), { remoteAddr })
    await onConLost.done
    transport.close()
  }
  expect(lines).toEqual([
    "Received: Hello World!",
    "Connection closed: null",
    "Error received: ECONNREFUSED",
    "Connection closed: null",
  ])
  expect(reports).toEqual([])
})

proves("EX-6", "the subprocess example has all output when the pipe is closed and the process has exited", async () => {
  const { client, reports } = await startLibrary()
  // Input and standard error are nobody's where asyncio's program inherits them: the daemon's own are never given.
  const exitFuture = new Future()
  const ends: number[] = []
  const output: Buffer[] = []
  let [pipeClosed, exited] = [false, false]
  const checkForExit = (): void => {
    if (pipeClosed && exited) exitFuture.setResult()
  }
  const protocol: SubprocessProtocol = {
    pipeConnectionLost: (fd) => {
      ends.push(fd)
      pipeClosed = true
      checkForExit()
    },
    pipeDataReceived: (_fd, data) => void output.push(data),
    processExited: () => {
      exited = true
      checkForExit()
    },
  }
  const [transport] = await client.loop.subprocessExec(() => protocol, ["sh", "-c", "sleep 0; echo the date"], {
    stdin: "null",
    stderr: "null",
  })
  await exitFuture.done
  transport.close()
  await barrier(client)
  expect(Buffer.concat(output).toString()).toBe("the date\n")
  expect(ends).toEqual([1])
  expect(reports).toEqual([])
})

proves("EX-7", "what getExtraInfo('socket') says of an option is what was asked for", async () => {
  const { client } = await startLibrary()
  const peer = await listenPeer(harness)
  for (const noDelay of [true, false]) {
    const [transport] = await client.loop.createConnection(() => ({}), { host: peer.host, port: peer.port, noDelay })
    expect(transport.getExtraInfo("socket")).toMatchObject({ noDelay })
  }
})
