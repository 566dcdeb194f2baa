/** The scenarios of datagrams, processes and pipes. Each has a program of its name. */
import { closeSync, readSync, writeSync } from "node:fs"
import type { SenderAddress, SubprocessOptions } from "transportd/client"
import { closedUdpPort, udpPeer } from "../support/datagrams.ts"
import { namedPipe, openForReading, openForWriting } from "../support/pipes.ts"
import {
  awaited,
  DatagramRecorder,
  oops,
  outcome,
  ProcessRecorder,
  Recorder,
  type Scenario,
  type Twin,
} from "./twin.ts"

const localAddr = { host: "127.0.0.1", port: 0 }

function shell(twin: Twin, protocol: ProcessRecorder, line: string, options: SubprocessOptions = {}): Promise<unknown> {
  return twin.loop.subprocessShell(() => protocol, line, options)
}

export const datagrams: Readonly<Record<string, Scenario>> = {
  async udp(twin) {
    const server: DatagramRecorder = new DatagramRecorder(
      twin,
      { datagramReceived: (data, addr) => server.transport?.sendto(data, addr) },
      "server",
    )
    const [serving] = await twin.loop.createDatagramEndpoint(() => server, { localAddr })
    const addr = serving.getExtraInfo("sockname") as SenderAddress
    const client = new DatagramRecorder(twin, {}, "client")
    const [transport] = await twin.loop.createDatagramEndpoint(() => client, { remoteAddr: addr })
    for (const size of [1, 1_000, 65_507]) {
      transport.sendto(Buffer.alloc(size))
      await twin.heard(`client.datagram_received ${size}`)
    }
    const other = { host: addr.host, port: addr.port < 65_535 ? addr.port + 1 : 1 }
    twin.note(outcome(() => transport.sendto(Buffer.from("x"), other)))
    twin.note(
      outcome(() => transport.sendto("text" as unknown as Uint8Array)),
      outcome(() => serving.sendto(7 as unknown as Uint8Array, addr)),
    )
    const peername = transport.getExtraInfo("peername") as SenderAddress
    twin.note(peername.port === addr.port, serving.getExtraInfo("peername", "x"))
    transport.close()
    twin.note("closing", transport.isClosing())
    transport.close()
    await client.lost
    serving.abort()
    await server.lost
    serving.abort()
    await twin.settle()
  },

  async udp_refused(twin) {
    const protocol = new DatagramRecorder(twin)
    const remoteAddr = { host: "127.0.0.1", port: await closedUdpPort() }
    const [transport] = await twin.loop.createDatagramEndpoint(() => protocol, { remoteAddr })
    transport.sendto(Buffer.from("x"))
    await twin.heard("error_received")
    twin.note("closing", transport.isClosing())
    transport.close()
    await protocol.lost
  },

  async udp_too_long(twin) {
    const protocol = new DatagramRecorder(twin)
    const [transport] = await twin.loop.createDatagramEndpoint(() => protocol, { localAddr })
    // asyncio has a datagram of that size in no buffer: the system refuses it at once.
    transport.setWriteBufferLimits({ highBytes: 100_000 })
    transport.sendto(Buffer.alloc(70_000), { host: "127.0.0.1", port: 9 })
    await twin.heard("error_received")
    twin.note("closing", transport.isClosing())
    transport.close()
    await protocol.lost
  },

  async udp_raises(twin) {
    const protocol = new DatagramRecorder(twin, { datagramReceived: oops })
    const [transport] = await twin.loop.createDatagramEndpoint(() => protocol, { localAddr })
    const remote = await udpPeer(twin.harness)
    await remote.send("abc", transport.getExtraInfo("sockname") as SenderAddress)
    await twin.heard("datagram_received")
    await twin.settle()
    transport.close()
    await protocol.lost
  },
}

export const processes: Readonly<Record<string, Scenario>> = {
  async process(twin) {
    const protocol = new ProcessRecorder(twin)
    const command = ["sh", "-c", "cat; echo error >&2; exit 3"] as const
    const [transport] = await twin.loop.subprocessExec(() => protocol, command)
    const pipes = [0, 1, 2, 3, -1].map((fd) => transport.getPipeTransport(fd) !== null)
    twin.note(transport.getReturncode(), ...pipes)
    const stdin = transport.getPipeTransport(0)
    twin.note("can", stdin?.canWriteEof())
    stdin?.write(Buffer.from("in"))
    stdin?.writelines([Buffer.from("pu"), Buffer.from("t")])
    stdin?.writeEof()
    await protocol.lost
    protocol.tell()
    twin.note("closing", transport.isClosing())
  },

  async process_kill(twin) {
    for (const way of ["kill", "terminate", "sendSignal"] as const) {
      const protocol = new ProcessRecorder(twin)
      await shell(twin, protocol, "echo ready; exec sleep 1000")
      await twin.until(() => protocol.output.get(1) === "ready\n")
      if (way === "sendSignal") protocol.transport?.sendSignal("SIGHUP")
      else protocol.transport?.[way]()
      await protocol.lost
      protocol.tell()
    }
  },

  async process_close(twin) {
    const protocol = new ProcessRecorder(twin)
    await shell(twin, protocol, "trap '' TERM; echo ready; exec sleep 1000")
    await twin.until(() => protocol.output.get(1) === "ready\n")
    const transport = protocol.transport!
    transport.close()
    transport.close()
    twin.note("closing", transport.isClosing(), "returncode", transport.getReturncode())
    await protocol.lost
    protocol.tell()
    transport.close()
  },

  async process_close_in_exit(twin) {
    const protocol: ProcessRecorder = new ProcessRecorder(twin, { processExited: () => protocol.transport?.close() })
    await shell(twin, protocol, "exit 0")
    await protocol.lost
    protocol.tell()
    twin.note("closing", protocol.transport?.isClosing())
  },

  async process_stderr_to_stdout(twin) {
    const protocol = new ProcessRecorder(twin)
    const command = ["sh", "-c", "echo one; echo two >&2; cat"] as const
    const options = { stdin: "null", stderr: "stdout" } as const
    const [transport] = await twin.loop.subprocessExec(() => protocol, command, options)
    twin.note(...[0, 1, 2].map((fd) => transport.getPipeTransport(fd) !== null))
    await protocol.lost
    protocol.tell()
  },

  async process_missing(twin) {
    for (const program of ["/no/such/program", "/etc/passwd"]) {
      twin.note(await awaited(twin.loop.subprocessExec(() => new ProcessRecorder(twin), [program])))
    }
  },

  async process_signal_after_end(twin) {
    const protocol = new ProcessRecorder(twin)
    await shell(twin, protocol, "exit 0")
    await protocol.lost
    twin.note(outcome(() => protocol.transport?.kill()))
  },

  async process_shell(twin) {
    for (const line of ["echo $((6 * 7))", "exit 7", "kill -KILL $$"]) {
      const protocol = new ProcessRecorder(twin)
      await shell(twin, protocol, line)
      await protocol.lost
      protocol.tell()
    }
  },

  async process_raises(twin) {
    const protocol = new ProcessRecorder(twin, { processExited: oops })
    await shell(twin, protocol, "echo out")
    await protocol.lost
    protocol.tell()
  },
}

export const pipes: Readonly<Record<string, Scenario>> = {
  async read_pipe(twin) {
    const path = await namedPipe(twin.harness)
    const protocol = new Recorder(twin, { eofReceived: () => true })
    const [transport] = await twin.loop.connectReadPipe(() => protocol, { path })
    twin.note("reading", transport.isReading())
    const writer = openForWriting(path)
    transport.pauseReading()
    writeSync(writer, "all of it")
    await twin.settle()
    transport.resumeReading()
    await twin.heard("data_received")
    closeSync(writer)
    await protocol.lost
  },

  async write_pipe(twin) {
    const path = await namedPipe(twin.harness)
    const reader = openForReading(path)
    const protocol = new Recorder(twin)
    const [transport] = await twin.loop.connectWritePipe(() => protocol, { path })
    const { lowBytes, highBytes } = transport.getWriteBufferLimits()
    twin.note("can", transport.canWriteEof(), lowBytes, highBytes)
    transport.write(Buffer.from("all of it"))
    transport.writeEof()
    // A pipe's end is its close.
    twin.note("closing", transport.isClosing())
    await protocol.lost
    twin.note("remote got", readSync(reader, Buffer.alloc(100)))
    closeSync(reader)
  },

  async write_pipe_left(twin) {
    for (const size of [0, 1_000_000]) {
      const path = await namedPipe(twin.harness)
      const reader = openForReading(path)
      const protocol = new Recorder(twin)
      const [transport] = await twin.loop.connectWritePipe(() => protocol, { path })
      transport.write(Buffer.alloc(size))
      await twin.settle()
      closeSync(reader)
      await protocol.lost
    }
  },
}
